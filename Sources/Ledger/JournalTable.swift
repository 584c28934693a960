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
}
