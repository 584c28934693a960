// The library's workbook, owned. The library is not safe for several threads at once, also for different workbooks: the
// names of its temporary files come from one generator and dates from one static buffer. What touches those runs under
// one lock.
// Invariant: the workbook is freed exactly once, by closing or by `deinit`; no pointer of the library leaves the room.
// The library opens its temporary files without O_CLOEXEC; they are unlinked at once, and a child inherits no more than
// an unnamed file.

internal import CLibXLSXWriter
internal import Glibc
internal import Synchronization

/// Held by whoever calls what is not safe for several threads.
private let library = Mutex<Void>(())

private func alone(_ body: () -> Void) { library.withLock { _ in body() } }

/// What a workbook says about itself in its properties.
public struct WorkbookProperties: Sendable, Hashable {
  /// Its title.
  public var title: String
  /// What it is about.
  public var subject: String
  /// Who made it.
  public var author: String
  /// Further words.
  public var comments: String
  /// The moment that stands as its creation, in seconds since 1970-01-01 00:00 UTC. The clock is never asked, so that
  /// the same content gives the same bytes.
  public var createdSecondsSince1970: Int64
  /// How its dates are shown, as Excel's code.
  public var dateCode: String

  /// Creates properties.
  public init(
    title: String, subject: String = "", author: String = "", comments: String = "", createdSecondsSince1970: Int64,
    dateCode: String = "yyyy-mm-dd"
  ) {
    self.dateCode = dateCode
    self.title = title
    self.subject = subject
    self.author = author
    self.comments = comments
    self.createdSecondsSince1970 = createdSecondsSince1970
  }
}

/// One workbook of the library.
struct WorkbookHandle: ~Copyable {
  let book: UnsafeMutablePointer<lxw_workbook>

  init(path: String, scratch: String, constantMemory: Bool) throws(WorkbookError) {
    guard !path.utf8.contains(0), !scratch.utf8.contains(0) else {
      throw .cannotWrite(path: path, reason: "a path cannot hold NUL")
    }
    // Both are asked before: the library would write elsewhere, or complain on standard error.
    guard access(scratch, W_OK | X_OK) == 0 else {
      throw .cannotWrite(path: scratch, reason: systemWords(errno))
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: systemWords(errno)) }
    Glibc.close(descriptor)
    var made: UnsafeMutablePointer<lxw_workbook>?
    alone {
      scratch.withCString { directory in
        var options = lxw_workbook_options()
        options.constant_memory = constantMemory ? 1 : 0
        options.tmpdir = UnsafeMutablePointer(mutating: directory)
        made = workbook_new_opt(path, &options)
      }
    }
    guard let made else { throw .cannotWrite(path: path, reason: "out of memory") }
    book = made
  }

  deinit { lxw_workbook_free(book) }

  /// Nil when there was no room for its temporary file.
  func addSheet(_ name: String) -> UnsafeMutablePointer<lxw_worksheet>? {
    var sheet: UnsafeMutablePointer<lxw_worksheet>?
    alone { sheet = workbook_add_worksheet(book, name) }
    return sheet
  }

  /// Writes the file and frees the workbook.
  ///
  /// - Returns: the library's code and the system's error number, if there was one.
  consuming func close() -> (code: lxw_error, system: Int32) {
    let book = book
    discard self
    var code = LXW_NO_ERROR
    var system: Int32 = 0
    alone {
      errno = 0
      code = workbook_close(book)
      system = errno
    }
    return (code, system)
  }
}
