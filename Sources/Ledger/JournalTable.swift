// Where the signed images of a feed's changes are, for the room that writes them and the one that follows them.

public import Postgres

/// The journal of a feed: one row for each image, under the feed's own column names.
public enum JournalTable {
  /// The column that numbers the batch.
  public static let batch = "_daybook_batch"
  /// The column that holds +1 for a row as it became and -1 for a row as it was.
  public static let weight = "_daybook_weight"

  /// The table of the feed's images.
  public static func name(of feed: String) -> QualifiedName {
    QualifiedName(schema: "daybook", name: shortenedIdentifier("journal_\(feed)"))
  }

  /// The statements that make it; columns that are not there yet may be added later.
  ///
  /// - Parameter columns: names and types of the images' columns; all may be null.
  public static func create(of feed: String, columns: [(name: String, type: String)]) -> String {
    let table = name(of: feed).quoted
    let fields = columns.map { "\(quoteIdentifier($0.name)) \($0.type)" }
    return """
      create table \(table) (
        \(quoteIdentifier(batch)) bigint not null,
        \(quoteIdentifier(weight)) smallint not null,
        \(fields.joined(separator: ",\n  "))
      );
      create index on \(table) using brin (\(quoteIdentifier(batch)))
      """
  }
}
