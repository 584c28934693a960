// daybook bench: experiments that compare two things in one run and print a ratio.

internal import ArgumentParser

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure: two things in one run, and their ratio.",
    subcommands: [])
}
