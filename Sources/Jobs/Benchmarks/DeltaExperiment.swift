// A nightly file of one percent, one tenth of it corrections, into a full table: the ingest against the script that a
// good engineer would write. Each side has a database of its own, both copied file by file from the same loaded and
// vacuumed one, so that neither works on what the other left; both take the same fresh file in each round, after a round
// that does not count.

internal import Definitions
internal import Ingest
internal import Ledger
internal import Postgres

struct DeltaExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let rounds = bench.size.rounds ?? 5
    let night = try NightlyFiles(bench: bench, tableRows: bench.size.rows ?? 500_000, count: rounds + 1)
    bench.told("\(night.base.rows) rows in the table, \(night.files[0].rows) in each nightly file")
    return try await bench.withDatabase { origin, originURL in
      try await bench.withShop(origin, at: originURL) { shop in
        try await shop.makeTables(from: night.base)
        try await shop.ingest(night.base.path)
        try await shop.execute("VACUUM (ANALYZE) \(shop.table)")
        try await shop.checkpoint()
      }
      return try await bench.withDatabase(copying: origin) { script, scriptURL in
        try await bench.withDatabase(copying: origin) { ours, oursURL in
          try await bench.withShop(script, at: scriptURL) { script in
            try await bench.withShop(ours, at: oursURL) { ours in
              try await compare(script, ours, night, rounds: rounds)
            }
          }
        }
      }
    }
  }

  private func compare(
    _ script: ScratchShop, _ ours: ScratchShop, _ night: NightlyFiles, rounds: Int
  ) async throws -> ExperimentResult {
    let agreed = night.files.map { _ in AgreedState() }
    let commands = night.files.map { Self.script(script, $0.path) }
    // The first file is for both to warm up with.
    let sides = { (offset: Int) in
      [
        BenchSide("psql_script") { _ in
          try await script.checkpoint()
        } work: { round in
          try await bench.psql(script.url, commands[round + offset])
        } check: { round in
          try await check("psql_script", script, night, round + offset, agreed)
        },
        BenchSide("ingest") { _ in
          try await ours.checkpoint()
        } work: { round in
          let rows = try await ours.ingest(night.files[round + offset].path).rows
          guard rows.inserted == night.newRows, rows.updated == night.correctedRows else {
            throw ScratchShop.unequal("the ingest says \(rows.sentence)")
          }
        } check: { round in
          try await check("ingest", ours, night, round + offset, agreed)
        },
      ]
    }
    try await bench.seconds(sides(0), rounds: 1, label: "warming up")
    let start = try await script.psqlStart()
    let times = try await bench.seconds(sides(1), rounds: rounds)
    return ExperimentResult(
      .delta,
      title: "\(night.newRows) new and \(night.correctedRows) corrected rows into a table of \(night.base.rows)",
      rows: night.files[0].rows, bytes: night.files[0].bytes,
      measurements: [
        Measurement("psql_script", unit: "s", samples: start.takenOff(times[0])),
        Measurement("ingest", unit: "s", samples: times[1], against: "psql_script", target: .ratio(1)),
        start,
      ],
      notes: [
        "psql_script: one psql, one transaction: \\copy to a temporary table, analyze, insert … on conflict do update",
        BackfillExperiment.startNote,
        "corrections are spread evenly over the table and stand between the new rows, every tenth moves an indexed time",
      ])
  }

  private func check(
    _ side: String, _ shop: ScratchShop, _ night: NightlyFiles, _ file: Int, _ agreed: [AgreedState]
  ) async throws {
    let state = try await shop.state()
    guard state.rows == night.base.rows + (file + 1) * night.newRows else {
      throw ScratchShop.unequal("after \(file + 1) nightly files \(side) left \(state.rows) rows")
    }
    try agreed[file].check(side, state)
  }

  /// The script, with the settings that the ingest gives its own transaction.
  static func script(_ shop: ScratchShop, _ path: String) -> [String] {
    let columns = shop.columnList
    let key = shop.transactions.key
    let set = shop.columns.filter { !key.contains($0.name) }.map { column in
      "\(quoteIdentifier(column.name)) = excluded.\(quoteIdentifier(column.name))"
    }
    return [
      "set jit = off", "set work_mem = '64MB'", "begin",
      "create temporary table delta on commit drop as select \(columns) from \(shop.table) with no data",
      shop.copyCommand(path, into: "delta"), "analyze delta",
      """
      insert into \(shop.table) (\(columns)) select \(columns) from delta
      on conflict (\(key.map(quoteIdentifier).joined(separator: ", "))) do update set \(set.joined(separator: ", "))
      """, "commit",
    ]
  }
}

/// A base file and the nightly files that follow it, all of the same shape.
struct NightlyFiles: Sendable {
  let base: BenchFile
  let files: [BenchFile]
  /// New rows in each.
  let newRows: Int
  /// Corrected rows in each.
  let correctedRows: Int

  /// Makes them: the sample's first rows are the base, later ones are new in the nights.
  init(bench: Workbench, tableRows: Int, count: Int) throws {
    let delta = max(10, tableRows / 100)
    let correctedRows = max(1, delta / 10)
    let newRows = delta - correctedRows
    // Repeated keys are dropped from the sample, which leaves a little less than was asked for.
    let sample = try bench.makeSample(rows: (tableRows + count * newRows) * 102 / 100 + 100)
    let baseRows = min(tableRows, sample.rows - count * newRows)
    guard baseRows >= count * correctedRows, let feed = bench.feeds.last else {
      throw StageFailure(.usage, "usage", "\(tableRows) rows are too few for \(count) nightly files")
    }
    let correction = try Correction(sample.layout, feed)
    let base = try sample.prefix(rows: baseRows, to: "\(bench.folder)/base.csv")
    let reader = try LineReader(sample.path)
    _ = try reader.next { _ in }
    var corrected: [[[String]]] = Array(repeating: [], count: count)
    let step = baseRows / (count * correctedRows)
    for index in 0..<baseRows {
      let isRead = try reader.next { line in
        let (number, rest) = index.quotientAndRemainder(dividingBy: step)
        guard rest == 0, number < count * correctedRows else { return }
        corrected[number % count].append(correction.apply(to: BenchLine.fields(line), number / count))
      }
      guard isRead else { break }
    }
    var files: [BenchFile] = []
    for night in 0..<count {
      var writer = try BenchWriter("\(bench.folder)/night\(night).csv", sample.layout)
      var waiting = corrected[night][...]
      for index in 0..<newRows {
        // Nine new rows, then a correction.
        if index % 9 == 0, let next = waiting.popFirst() { writer.append(next) }
        guard try reader.next({ writer.append($0) }) else { break }
        try writer.flushWhenFull()
      }
      while let next = waiting.popFirst() { writer.append(next) }
      files.append(try writer.finish())
    }
    guard files.allSatisfy({ $0.rows == newRows + correctedRows }) else {
      throw StageFailure(.bug, "bug", "the nightly files are not of one shape")
    }
    (self.base, self.files, self.newRows, self.correctedRows) = (base, files, newRows, correctedRows)
  }

  /// How a row is corrected: the amount by a hundredth, and every tenth row also its indexed time by some seconds.
  private struct Correction {
    let amount: Int
    let time: Int?

    init(_ layout: BenchLayout, _ feed: FeedDefinition) throws {
      guard let control = layout.control else {
        throw StageFailure(
          .usage, "usage", "feed \(feed.name) has no column with a control sum, so there is nothing to correct",
          fix: "run it in a project with the sample's definitions")
      }
      amount = control.amount
      let column = feed.columns.first { $0.isIndexed && $0.type.isTemporal }
      time = column.flatMap { layout.names.firstIndex(of: $0.sourceName) }
    }

    func apply(to fields: [String], _ number: Int) -> [String] {
      var fields = fields
      // The last digit is a hundredth; no other digit has to change with it.
      fields[amount] = Self.turned(fields[amount], at: fields[amount].utf8.count - 1)
      // 2025-01-01T14:09:51Z, with an offset of any form behind it: the seconds' last digit.
      if number % 10 == 9, let time { fields[time] = Self.turned(fields[time], at: 18) }
      return fields
    }

    /// The text with the digit at `place` replaced by another one.
    private static func turned(_ text: String, at place: Int) -> String {
      var bytes = Array(text.utf8)
      guard bytes.indices.contains(place), (0x30...0x39).contains(bytes[place]) else { return text }
      bytes[place] = bytes[place] == 0x39 ? 0x31 : bytes[place] + 1
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
