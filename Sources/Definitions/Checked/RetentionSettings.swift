// How long what is kept for looking back is kept. What views still need is kept in any case.

/// `retention:` of the project.
public struct RetentionSettings: Sendable, Hashable {
  /// Images in the journals of feeds stay for so many days after their batch, and longer while a rollup needs them.
  public var journalDays: Int

  /// Creates settings; 400 days unless told, so that the same month of last year is told too.
  public init(journalDays: Int = 400) { self.journalDays = journalDays }
}
