// What can be wrong with one field. A byte-sized value, because the hot loop returns it for every field;
// the sentence for a person is made only when a record is refused.

internal import Ledger

/// The verdict on one field; `none` is the good case.
enum FieldFault: UInt8, Error, Sendable {
  case none
  case missing
  case wrongType
  /// More digits than the integer type or 38 hold.
  case overflow
  case tooManyDigits
  case tooManyFractionDigits
  case belowMinimum
  case aboveMaximum
  case notOneOf
  case patternMismatch

  /// The stable word for the ledger.
  var code: RejectCode {
    switch self {
    case .none, .wrongType: .wrongType
    case .missing: .missingValue
    case .overflow, .tooManyDigits, .tooManyFractionDigits, .belowMinimum, .aboveMaximum: .outOfRange
    case .notOneOf: .notOneOf
    case .patternMismatch: .patternMismatch
    }
  }
}
