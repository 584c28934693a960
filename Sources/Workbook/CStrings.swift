// Texts lent to C for the time of a closure, for structures of the library that hold several.
// Invariant: the copies live exactly as long as the closure; the library makes its own.

internal import Glibc

/// Lends a C copy of each text.
func withCStrings<Result>(
  _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) throws(WorkbookError) -> Result
) throws(WorkbookError) -> Result {
  let copies = texts.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return try body(copies)
}

/// What the system says of an error number.
func systemWords(_ number: Int32) -> String { String(cString: strerror(number)) }
