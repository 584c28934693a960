// What to do with the records of one file: the feed's columns matched with the file's header, compiled once.
// Invariant: immutable once made, and the owner of all memory that its column plans point to.
// Columns with a constant are not here: the staging table gives them as defaults.

internal import Definitions
internal import Glibc
internal import Money

/// A control sum: which column is summed, by what.
struct ControlPlan: Sendable {
  var column: String
  var scale: Int
  /// The field that holds the group, or -1 for a constant.
  var groupField: Int
  /// Whether that field is trimmed like the column's values.
  var trimsGroup: Bool
  var constantGroup: [UInt8]
}

/// The plan for one file.
final class FilePlan: @unchecked Sendable {  // no lock: nothing changes after init
  /// The columns filled from the file, by place of their field.
  let columns: UnsafeMutableBufferPointer<ColumnPlan>
  /// Their definitions, in the same order.
  let definitions: [ColumnDefinition]
  /// Fields that a record must have.
  let fieldCount: Int
  let controls: [ControlPlan]
  let notation: NumberNotation
  /// The encoding that the feed declares, for messages.
  let encoding: TextEncoding
  /// The most bytes of a record, for messages.
  let maxRecordBytes: Int
  let zone: TimeZoneRules
  let trailer: TrailerRule?
  /// The null tokens of the format, then of each column that has its own.
  private let nullTokens: [UnsafeMutableBufferPointer<ByteSpan>]
  private let texts: [UnsafeMutablePointer<UInt8>]

  /// Compiles the columns that the header has a field for.
  ///
  /// - Parameter fields: for each column of `feed.columns`, its field's place; nil where the file has none.
  init(feed: FeedDefinition, fields: [Int?], fieldCount: Int, zone: TimeZoneRules) {
    let sourced = zip(feed.columns, fields).compactMap { column, field in field.map { ($0, column) } }
      .sorted { $0.0 < $1.0 }
    self.fieldCount = fieldCount
    self.zone = zone
    trailer = feed.trailer
    definitions = sourced.map(\.1)
    notation = NumberNotation(feed.format)
    encoding = feed.format.encoding
    maxRecordBytes = feed.format.maxRecordBytes

    var texts: [UnsafeMutablePointer<UInt8>] = []
    var nullTokens = [Self.spans(feed.format.nullTokens.filter { !$0.isEmpty }, &texts)]
    var controls: [ControlPlan] = []
    columns = .allocate(capacity: sourced.count)
    for (index, (field, column)) in sourced.enumerated() {
      var plan = Self.plan(column, field: field, zone: zone, &texts)
      if let own = column.nullTokens { nullTokens.append(Self.spans(own.filter { !$0.isEmpty }, &texts)) }
      let tokens = column.nullTokens == nil ? nullTokens[0] : nullTokens[nullTokens.count - 1]
      plan.emptyIsNull = (column.nullTokens ?? feed.format.nullTokens).contains("")
      plan.nullTokens = tokens.baseAddress.map { UnsafePointer($0) }
      plan.nullTokenCount = tokens.count
      plan.isSoleKey = feed.key == [column.name] && (plan.kind == .bigint || plan.kind == .integer)
      if let control = column.control {
        plan.control = controls.count
        let group = sourced.first { $0.1.name == control.groupedBy }
        controls.append(
          ControlPlan(
            column: column.name, scale: plan.scale, groupField: group?.0 ?? -1,
            trimsGroup: group?.1.isTrimmed ?? false,
            constantGroup: Array((feed.column(named: control.groupedBy)?.constant ?? "").utf8)))
      }
      columns.initializeElement(at: index, to: plan)
    }
    self.controls = controls
    self.nullTokens = nullTokens
    self.texts = texts
  }

  deinit {
    for column in columns {
      column.choices?.deallocate()
      column.choiceValues?.deallocate()
      column.steps?.deallocate()
      column.format.deallocate()
      if let expression = column.expression {
        regfree(expression)
        expression.deallocate()
      }
    }
    columns.deallocate()
    for tokens in nullTokens { tokens.deallocate() }
    for text in texts { text.deallocate() }
  }

  private static func spans(
    _ values: [String], _ texts: inout [UnsafeMutablePointer<UInt8>]
  ) -> UnsafeMutableBufferPointer<ByteSpan> {
    let result = UnsafeMutableBufferPointer<ByteSpan>.allocate(capacity: values.count)
    for (index, value) in values.enumerated() {
      let bytes = Array(value.utf8)
      let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
      copy.initialize(from: bytes, count: bytes.count)
      texts.append(copy)
      result.initializeElement(at: index, to: ByteSpan(start: UnsafePointer(copy), count: bytes.count))
    }
    return result
  }

  private static func plan(
    _ column: ColumnDefinition, field: Int, zone: TimeZoneRules, _ texts: inout [UnsafeMutablePointer<UInt8>]
  ) -> ColumnPlan {
    var plan = ColumnPlan(
      kind: .text, field: field, isOptional: column.isOptional, isTrimmed: column.isTrimmed, emptyIsNull: false,
      nullTokens: nil, nullTokenCount: 0, acceptsZeroFraction: column.acceptsIntegralDecimal,
      scale: 0, ceiling: Int128.max, hasBounds: column.minimum != nil || column.maximum != nil,
      minimum: Int128.min, maximum: Int128.max, choices: nil, choiceValues: nil, choiceCount: column.oneOf.count,
      steps: nil, stepCount: 0, expression: nil, format: .allocate(capacity: column.format?.parts.count ?? 0),
      control: -1, isSoleKey: false)
    switch column.type {
    case .text: plan.kind = .text
    case .integer: plan.kind = .integer
    case .bigint: plan.kind = .bigint
    case .decimal(let precision, let scale):
      plan.kind = .decimal
      plan.scale = scale
      plan.ceiling = ExactDecimal(coefficient: 1, scale: 0)?.coefficient(atScale: precision) ?? Int128.max
    case .boolean: plan.kind = .boolean
    case .date: plan.kind = .date
    case .timestamp: plan.kind = .timestamp
    case .timestamptz: plan.kind = .timestamptz
    case .uuid: plan.kind = .uuid
    case .json: plan.kind = .json
    }
    if let minimum = column.minimum { plan.minimum = bound(minimum, plan, zone, rounding: .up) }
    if let maximum = column.maximum { plan.maximum = bound(maximum, plan, zone, rounding: .down) }
    for (index, part) in (column.format?.parts ?? []).enumerated() {
      plan.format.initializeElement(at: index, to: part)
    }
    setChoices(column, &plan, &texts)
    if let pattern = column.pattern { setPattern(pattern, &plan) }
    return plan
  }

  private enum BoundRounding { case up, down }

  /// A bound in the unit of the column's values. A bound with more digits than the column tightens.
  private static func bound(
    _ bound: ColumnBound, _ plan: ColumnPlan, _ zone: TimeZoneRules, rounding: BoundRounding
  ) -> Int128 {
    switch bound {
    case .number(let number):
      if let exact = number.coefficient(atScale: plan.scale) { return exact }
      guard let cut = number.rounded(scale: plan.scale, rounding: .towardZero)?.coefficient else {
        return number.isNegative ? Int128.min : Int128.max
      }
      // Cut toward zero: one further when that moved it to the permissive side.
      switch rounding {
      case .up: return number.isNegative ? cut : cut + 1
      case .down: return number.isNegative ? cut - 1 : cut
      }
    case .day(let day):
      let number = Int64(day.daysSince1970)
      switch plan.kind {
      case .timestamp: return Int128(number * 86_400) * 1_000_000
      case .timestamptz: return Int128(zone.instant(ofLocal: number * 86_400)) * 1_000_000
      default: return Int128(number)
      }
    }
  }

  private static func setChoices(
    _ column: ColumnDefinition, _ plan: inout ColumnPlan, _ texts: inout [UnsafeMutablePointer<UInt8>]
  ) {
    guard !column.oneOf.isEmpty else { return }
    if column.type.isNumeric {
      let values = column.oneOf.compactMap { ExactDecimal($0)?.coefficient(atScale: plan.scale) }
      let memory = UnsafeMutablePointer<Int128>.allocate(capacity: max(1, values.count))
      memory.initialize(from: values, count: values.count)
      plan.choiceValues = memory
      plan.choiceCount = values.count
    } else {
      plan.choices = spans(column.oneOf, &texts).baseAddress
    }
  }

  private static func setPattern(_ pattern: String, _ plan: inout ColumnPlan) {
    if let steps = PatternStep.compile(pattern) {
      let memory = UnsafeMutablePointer<PatternStep>.allocate(capacity: max(1, steps.count))
      memory.initialize(from: steps, count: steps.count)
      plan.steps = memory
      plan.stepCount = steps.count
      return
    }
    let expression = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
    expression.initialize(to: regex_t())
    // Definitions were checked to compile.
    guard compile(pattern, into: expression) else {
      expression.deallocate()
      return
    }
    plan.expression = expression
  }
}
