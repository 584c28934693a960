// One row of the golden table: what is wrong with an otherwise good project, and what is said about it.
// The rows are in GoldenCase+….swift, by kind of definition; BrokenDefinitionTests runs them.
// A row replaces whole files, so that each broken definition can be read as a person would write it.

internal import Testing

/// A broken project.
struct GoldenCase: CustomTestStringConvertible, Sendable {
  /// What is wrong, in words.
  let name: String
  /// The files that replace or join the good ones; nil removes one.
  let files: [String: String?]
  var environment: [String: String] = [:]
  /// What is said, as `daybook check` prints it.
  let says: String

  var testDescription: String { name }

  static let all = text + project + feed + format + delivery + column + view + check + report + job

  /// A project without fault.
  static let good: [String: String] = [
    "Jobs/daybook.yaml": "project: shop\n",
    "Jobs/feeds/customers.yaml": """
    feed: customers
    files: customers_*.csv
    key: [customer_id]
    columns:
      customer_id: { type: bigint }
      name: { type: text }
    """,
    "Jobs/feeds/payments.yaml": """
    feed: payments
    files: payments_*.csv
    key: [payment_id]
    columns:
      payment_id: { type: bigint }
      customer_id: { type: bigint, references: customers.customer_id }
      amount: { type: "decimal(14,2)", control: sum_by(currency) }
      currency: { type: text }
    """,
    "Jobs/nightly.yaml": "job: nightly\nstages: [ { ingest: all } ]\n",
  ]

  var fixture: ProjectFixture {
    var texts = Self.good
    for (path, text) in files { texts[path] = text }
    return ProjectFixture(texts, environment: environment)
  }
}
