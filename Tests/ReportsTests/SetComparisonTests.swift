// What `report diff` says of two sets: by which batches, told by number where a clock cannot tell, and of very many rows.

import Definitions
import Foundation
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Reports

@Suite struct SetComparisonTests {
  /// Who changed something between two sets, as the ledger says it.
  private func authors(
    between one: CivilDate, and two: CivilDate, of shop: SampleShop
  ) async throws -> [String] {
    let sets = PublishedSets(output: shop.project.output)
    let comparison = try SetComparison(
      from: try #require(sets.set(for: one)), to: try #require(sets.set(for: two)))
    return try await shop.pool.withConnection {
      try await BatchesBetween(comparison, project: shop.project, on: $0).batches.map(\.source)
    }
  }

  /// A change by hand as a watched table's trigger records it.
  private static func change(by name: String) -> String {
    """
    WITH made AS (INSERT INTO daybook.batch (feed, kind, made_by) VALUES ('transactions', 'rebuild', '\(name)')
      RETURNING batch_id)
    INSERT INTO daybook.uncounted_change (batch_id, relation) SELECT batch_id, 'transactions' FROM made
    """
  }

  @Test func aChangeThatBeganBeforeASetAndWasCommittedAfterItIsNamed() async throws {
    try await inFilledShop(customers: 5) { shop, _ in
      let days = (0..<6).map { shop.asOf.adding(days: $0) }
      func named(_ one: Int, _ two: Int) async throws -> [String] {
        try await authors(between: days[one], and: days[two], of: shop)
      }
      try await shop.pool.withConnection { writer in
        try await writer.withTransaction { writer in
          try await writer.execute(Self.change(by: "ada"))
          // A batch of a higher number is committed first.
          try await shop.run(Self.change(by: "bob"))
          _ = try await shop.publisher(asOf: days[0]).publish()
        }
      }
      _ = try await shop.publisher(asOf: days[1]).publish()
      #expect(try await named(0, 1) == ["ada"])
      #expect(try await named(1, 0) == ["ada"])

      // The tables of both sets hold a change and the views of the second alone: it comes between them, too.
      try await shop.refresh()
      _ = try await shop.publisher(asOf: days[2]).publish()
      #expect(try await named(1, 2) == ["ada", "bob"])
      try await shop.run(Self.change(by: "eve"))
      _ = try await shop.publisher(asOf: days[3]).publish()
      #expect(try await named(2, 3) == ["eve"])
      try await shop.refresh()
      _ = try await shop.publisher(asOf: days[4]).publish()
      #expect(try await named(3, 4) == ["eve"])
      _ = try await shop.publisher(asOf: days[5]).publish()
      #expect(try await named(4, 5).isEmpty)

      // Numbers of another ledger say nothing of this one; then the moments of both sets do, which are one here.
      try await shop.run("UPDATE daybook.ledger SET identity = gen_random_uuid()")
      #expect(try await named(0, 1).isEmpty)
    }
  }

  /// So many equal rows that counting from the first for each of them would take minutes.
  @Test(.timeLimit(.minutes(1))) func equalRowsAreToldApartByTheirNumberInOneLook() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      func set(_ date: CivilDate, rows: Int) throws -> PublishedSet {
        let json = """
          {"reports": [{"name": "r", "sections": [{"title": "T", "csv": "data/t.csv", "columns": [
            {"name": "currency", "format": "text"}]}]}]}
          """
        let csv = "currency\n" + String(repeating: "USD\n", count: rows)
        let files = [("report.json", Array(json.utf8)), ("data/t.csv", Array(csv.utf8))]
        let manifest = SetManifest(
          project: "p", asOf: date.description, state: "COMPLETE", runID: "r", generatedAt: "g", reports: [],
          files: files.map { .init(path: $0.0, bytes: $0.1.count, sha256: ContentHash.sha256($0.1)) })
        _ = try folder.publishNewest(
          files.map { ($0.0, .bytes($0.1)) } + [(SetManifest.fileName, .bytes(manifest.json))], asOf: date,
          replacing: nil)
        return try #require(PublishedSets(output: folder.path).set(for: date))
      }
      let day = CivilDate(daysSince1970: 20_000)
      let one = try set(day, rows: 60_000)
      let two = try set(day.adding(days: 1), rows: 60_002)
      #expect(try SetComparison(from: one, to: two).changes.map(\.kind) == [.added, .added])
      #expect(try SetComparison(from: two, to: one).changes.map(\.kind) == [.removed, .removed])
    }
  }
}
