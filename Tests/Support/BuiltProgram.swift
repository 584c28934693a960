// Runs the `daybook` program that was built with the tests.
// Invariant: the run ends, at the latest by SIGKILL at its timeout, and both output streams are read to the end.

/// The built `daybook` program, found beside the test bundle.
public struct BuiltProgram: Sendable {
  /// What a run left behind.
  public struct Outcome: Sendable {
    /// Everything on standard output.
    public var stdout: String
    /// Everything on standard error.
    public var stderr: String
    /// The exit status; 128 + the signal when a signal ended it.
    public var status: Int
    /// Whether the timeout ended it.
    public var timedOut: Bool
    /// How long it took.
    public var wall: Duration
  }

  /// The absolute path of the program.
  public let path: String

  /// Finds the program, or throws when it was not built.
  public init() throws {
    throw TestSupportError("not built yet")
  }

  /// Runs the program to its end.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - environment: added to a bare one (`PATH`, `HOME`, `TZ=UTC`); nothing is inherited.
  ///   - directory: the working directory.
  public func run(
    _ arguments: [String], environment: [String: String] = [:], in directory: String, timeout: Duration = .seconds(120)
  ) async throws -> Outcome {
    throw TestSupportError("not built yet")
  }
}
