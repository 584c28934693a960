// swift-tools-version: 6.2
// The rooms of Daybook, ground floor first. What a room may import is the list in its own
// `dependencies`; Tests/HouseTests holds this file, the import lines and Sources/README.md together.

import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

func room(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil, resources: [Resource] = [],
  exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: path, exclude: exclude, resources: resources,
    swiftSettings: strict)
}

let package = Package(
  name: "daybook",
  products: [.executable(name: "daybook", targets: ["daybook"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "CLibPQ", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CLibCSV", providers: [.apt(["libcsv-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLibXLSXWriter", providers: [.apt(["libxlsxwriter-dev"])]),
    .systemLibrary(name: "CLibCrypto", providers: [.apt(["libssl-dev"])]),

    room("Finding"),
    room("Money"),
    room("Telemetry"),
    room("ResourcePool", ["Telemetry"]),
    room("Postgres", ["CLibPQ", "ResourcePool", "Finding", "Telemetry"]),
    room("CSV", ["CLibCSV", "CZlib", "CZstd", "Finding"]),
    room("Definitions", ["Finding", "Money", .product(name: "Yams", package: "Yams")]),
    room("Ledger", ["Postgres", "Finding", "Telemetry", "Money"], resources: [.embedInCode("SQL")]),
    room("Ingest", ["CSV", "Postgres", "Definitions", "Ledger", "Money", "Finding", "Telemetry", "CLibCrypto"]),
    room("Views", ["Postgres", "Definitions", "Ledger", "Money", "Finding", "Telemetry"]),
    room("Cache", ["Postgres", "Definitions", "Ledger", "Telemetry", "CLibCrypto", "CZstd"]),
    room("Markup", ["Money"]),
    room("Workbook", ["CLibXLSXWriter", "CZlib", "Money"]),
    room(
      "Reports",
      [
        "Postgres", "Definitions", "Ledger", "Cache", "Money", "Markup", "Workbook", "CSV", "Finding",
      ]),
    room("SampleData", ["Money"]),
    room(
      "Jobs",
      [
        "Finding", "Money", "Telemetry", "Postgres", "CSV", "Definitions", "Ledger", "Ingest", "Views", "Cache",
        "Reports", "SampleData",
      ]),
    .executableTarget(
      name: "daybook",
      dependencies: [
        "Finding", "Money", "Telemetry", "Postgres", "CSV", "Definitions", "Ledger", "Ingest", "Views", "Cache",
        "Reports", "SampleData", "Jobs", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .target(name: "TestSupport", dependencies: ["Postgres", "Ledger"], path: "Tests/Support", swiftSettings: strict),
    tests("HouseTests", ["TestSupport"]),
    tests("FindingTests", ["Finding"]),
    tests("MoneyTests", ["Money", "TestSupport"]),
    tests("TelemetryTests", ["Telemetry"]),
    tests("ResourcePoolTests", ["ResourcePool", "Telemetry", "TestSupport"]),
    tests("PostgresTests", ["Postgres", "Telemetry", "TestSupport"]),
    tests("CSVTests", ["CSV", "CZlib", "CZstd", "TestSupport"]),
    tests("DefinitionsTests", ["Definitions", "Finding", "Money", "TestSupport"]),
    tests("LedgerTests", ["Ledger", "Postgres", "Money", "TestSupport"]),
    tests(
      "IngestTests",
      ["Ingest", "CSV", "Postgres", "Definitions", "Ledger", "Money", "Finding", "Telemetry", "TestSupport"]),
    tests(
      "ViewsTests", ["Views", "Postgres", "Definitions", "Ledger", "Finding", "Telemetry", "Money", "TestSupport"]),
    tests("CacheTests", ["Cache", "Postgres", "Ledger", "Telemetry", "TestSupport"]),
    tests("MarkupTests", ["Markup", "Money", "TestSupport"], exclude: ["Golden"]),
    tests("WorkbookTests", ["Workbook", "Money", "TestSupport"]),
    tests(
      "ReportsTests",
      [
        "Reports", "Markup", "Workbook", "Postgres", "Definitions", "Ledger", "Cache", "Money", "Finding", "Telemetry",
        "Views",
        "TestSupport",
      ],
      exclude: ["Golden"]),
    tests("SampleDataTests", ["SampleData", "CSV", "Money", "TestSupport"]),
    tests(
      "JobsTests",
      [
        "Jobs", "Definitions", "Ledger", "Postgres", "Money", "Finding", "Telemetry", "TestSupport",
      ]),
    tests("EndToEnd", ["TestSupport", "Money", "Postgres"]),
  ]
)
