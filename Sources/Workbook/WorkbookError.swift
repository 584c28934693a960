// Why a workbook could not be made. Hostile or oversized text is never an error: it is made to fit, and whoever wrote
// it is told (CellFate).

/// Making a workbook stopped; the file at the path is then not to be used.
public enum WorkbookError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file, or a temporary file of it, could not be written: disk full, no permission.
  case cannotWrite(path: String, reason: String)
  /// More was asked for than a workbook holds: the sentence names the limit.
  case limit(path: String, String)
  /// What was written is not whole, although every call said that it went well.
  case incomplete(path: String, part: String)

  /// What happened and where.
  public var description: String {
    switch self {
    case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
    case .limit(let path, let sentence): "\(path): \(sentence)"
    case .incomplete(let path, let part):
      "\(path): the part \(part) was cut off while it was written; the disk is full?"
    }
  }

  /// The same without the path, for a message that names it already.
  public var reason: String {
    switch self {
    case .cannotWrite(_, let reason): reason
    case .limit(_, let sentence): sentence
    case .incomplete(_, let part): "the part \(part) was cut off; the disk is full?"
    }
  }
}
