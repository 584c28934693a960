// Compares rendered bytes with a file under Golden/. `DAYBOOK_REWRITE_GOLDEN=1` writes the files anew and fails, so
// that a rewrite never passes unseen.
// The folder is left out of the target, so nothing of it is built or copied.

import Foundation
import Testing

func expectGolden(_ bytes: [UInt8], _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
  let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
  if ProcessInfo.processInfo.environment["DAYBOOK_REWRITE_GOLDEN"] == "1" {
    try Data(bytes).write(to: file)
    Issue.record("\(name) was written anew", sourceLocation: sourceLocation)
    return
  }
  let expected = try Data(contentsOf: file)
  #expect(Data(bytes) == expected, "differs from Golden/\(name)", sourceLocation: sourceLocation)
}
