// Debian's Chromium without a window, spoken to in its DevTools protocol over two pipes, and what a page says of itself
// in it. No library and no port take part: messages are JSON that ends with a zero byte.
// Invariant: nothing waits longer than its deadline, and the browser ends with the closure that it is lent to.
// All of it blocks, so it runs on a thread of its own: `Browser.with`.

import Foundation
import Glibc
import Postgres
import TestSupport

/// How a page is looked at.
struct PageView: Sendable, CustomStringConvertible {
  var width: Int
  var isDark = false
  var isPrint = false

  static let desk = PageView(width: 1280)
  static let deskInTheDark = PageView(width: 1280, isDark: true)
  static let phone = PageView(width: 360)
  static let phoneInTheDark = PageView(width: 360, isDark: true)
  /// A4 lying, less margins of 12 mm, in CSS pixels.
  static let paper = PageView(width: 1032, isPrint: true)
  static let all = [desk, deskInTheDark, phone, phoneInTheDark, paper]

  var description: String { "\(width)\(isDark ? "-dark" : "")\(isPrint ? "-print" : "")" }
}

/// What one look at a page found.
struct PageVisit: Sendable {
  var view: PageView
  /// How wide the page is, scrolled to its end.
  var scrollWidth: Int
  /// What `PageAudit` found, each in a few words.
  var defects: [String]
}

/// What a browser found of a page.
struct PageTour: Sendable {
  var page: String
  /// What the console, the network and dialogs said; empty when all is well.
  var events: [String]
  var visits: [PageVisit]
  /// The page as it would leave a printer.
  var pdf: Data
}

/// A failure of the harness itself.
struct BrowserError: Error, CustomStringConvertible {
  let description: String
}

final class Browser {
  static let path = "/usr/bin/chromium"
  /// Reads the text of a print.
  static let pdfReader = "/usr/bin/pdftotext"
  /// What is not installed or not asked for, said; nil when pages are to be looked at. Beside other tests, which leave
  /// it no processor, a browser answers too late.
  static var absence: String? {
    let isAsked = ProcessInfo.processInfo.environment["DAYBOOK_BROWSER"] != nil
    if !isAsked { return "make browser looks at the pages in Chromium" }
    let missing = [path, pdfReader].first { !FileManager.default.isExecutableFile(atPath: $0) }
    return missing.map { "there is no \($0); make browser installs it" }
  }

  /// Lends a browser on a thread of its own.
  static func with<R: Sendable>(_ body: @escaping @Sendable (Browser) throws -> R) async throws -> R {
    try await TemporaryDirectory.with(mode: 0o700) { directory in
      try await WaitingThread.run {
        Result { () throws -> R in
          let browser = try Browser(in: directory)
          defer { browser.end() }
          return try body(browser)
        }
      }.get()
    }
  }

  private let process: Int32
  private let toBrowser: Int32
  private let fromBrowser: Int32
  private let log: String
  private var buffer: [UInt8] = []
  private var nextID = 1
  private var events: [(session: String, method: String, parameters: [String: Any])] = []

  private init(in directory: TemporaryDirectory) throws {
    let pipes = ["commands", "answers"].map(directory.appending)
    for pipe in pipes {
      guard mkfifo(pipe, 0o600) == 0 else { throw BrowserError(description: "mkfifo \(pipe) failed: \(errno)") }
    }
    // Opened for both ways, so that neither side waits for the other.
    toBrowser = open(pipes[0], O_RDWR | O_CLOEXEC)
    fromBrowser = open(pipes[1], O_RDWR | O_CLOEXEC | O_NONBLOCK)
    log = directory.appending("log")
    let output = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(output) }
    let options = [
      "--headless", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage",
      "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
      "--disable-sync", "--hide-scrollbars", "--user-data-dir=\(directory.appending("profile"))",
    ]
    let script = "exec 3<\"$1\" 4>\"$2\"; shift 2; exec \"$@\""
    process = try ChildProcess(
      "/bin/sh", ["-c", script, "sh"] + pipes + [Self.path] + options,
      environment: [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": directory.path, "LC_ALL": "C.UTF-8", "TZ": "UTC",
      ]
    ).start(output: output)
  }

  private func end() {
    _ = try? call("Browser.close", deadline: 5)
    // Its own session, so that its helpers end with it.
    kill(-process, SIGKILL)
    _ = ChildProcess.wait(for: process)
    close(toBrowser)
    close(fromBrowser)
  }

  // MARK: Messages

  @discardableResult
  private func call(
    _ method: String, _ parameters: [String: Any] = [:], session: String? = nil, deadline seconds: Double = 60
  ) throws -> [String: Any] {
    let id = nextID
    nextID += 1
    var message: [String: Any] = ["id": id, "method": method, "params": parameters]
    message["sessionId"] = session
    try send(try JSONSerialization.data(withJSONObject: message) + [0], method)
    let end = Date().addingTimeInterval(seconds)
    while true {
      let answer = try receive(until: end, waitingFor: method)
      guard answer["id"] as? Int == id else {
        keep(answer)
        continue
      }
      if let error = answer["error"] as? [String: Any] {
        throw BrowserError(description: "\(method): \(error["message"] ?? error)")
      }
      return answer["result"] as? [String: Any] ?? [:]
    }
  }

  private func send(_ bytes: Data, _ method: String) throws {
    var sent = 0
    while sent < bytes.count {
      let step = bytes.withUnsafeBytes { write(toBrowser, $0.baseAddress?.advanced(by: sent), bytes.count - sent) }
      if step < 0, errno == EINTR { continue }
      guard step > 0 else { throw BrowserError(description: "\(method): the browser is gone") }
      sent += step
    }
  }

  private func keep(_ message: [String: Any]) {
    guard let method = message["method"] as? String else { return }
    let parameters = message["params"] as? [String: Any] ?? [:]
    events.append((message["sessionId"] as? String ?? "", method, parameters))
    if method == "Page.javascriptDialogOpening" {
      // A page stands still while a dialog is open. Nobody waits for this answer.
      var close: [String: Any] = [
        "id": nextID, "method": "Page.handleJavaScriptDialog", "params": ["accept": true],
      ]
      close["sessionId"] = message["sessionId"]
      nextID += 1
      if let bytes = try? JSONSerialization.data(withJSONObject: close) { try? send(bytes + [0], method) }
    }
  }

  private func receive(until end: Date, waitingFor what: String) throws -> [String: Any] {
    while true {
      if let stop = buffer.firstIndex(of: 0) {
        let message = Data(buffer[..<stop])
        buffer.removeSubrange(...stop)
        return try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
      }
      let left = end.timeIntervalSinceNow
      guard left > 0 else {
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw BrowserError(description: "\(what): no answer in time. The browser said: \(said.suffix(2_000))")
      }
      var poller = pollfd(fd: fromBrowser, events: Int16(POLLIN), revents: 0)
      guard poll(&poller, 1, Int32(min(left, 1) * 1_000) + 1) > 0 else { continue }
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(fromBrowser, &chunk, chunk.count)
      if count > 0 { buffer += chunk[..<count] }
    }
  }

  /// Waits for an event of a session.
  private func wait(for method: String, session: String) throws {
    let end = Date().addingTimeInterval(60)
    while !events.contains(where: { $0.session == session && $0.method == method }) {
      keep(try receive(until: end, waitingFor: method))
    }
  }

  // MARK: Pages

  /// Opens a page once, looks at it in each way, prints it, and closes it.
  ///
  /// - Parameter pictures: a directory for a picture of each look and for the print; nil for none.
  func tour(_ file: String, views: [PageView] = PageView.all, pictures: String? = nil) throws -> PageTour {
    let page = URL(filePath: file).deletingPathExtension().lastPathComponent
    let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"] as? String ?? ""
    let attached = try call("Target.attachToTarget", ["targetId": target, "flatten": true])
    let session = attached["sessionId"] as? String ?? ""
    for domain in ["Page", "Runtime", "Log", "Network"] { try call("\(domain).enable", session: session) }
    try call("Page.navigate", ["url": URL(filePath: file).absoluteString], session: session)
    try wait(for: "Page.loadEventFired", session: session)
    let visits = try views.map { try look(page, as: $0, session: session, pictures: pictures) }
    try call("Emulation.setEmulatedMedia", ["media": "", "features": [[String: String]]()], session: session)
    let print = try call(
      "Page.printToPDF", ["preferCSSPageSize": true, "printBackground": false], session: session)
    let pdf = Data(base64Encoded: print["data"] as? String ?? "") ?? Data()
    if let pictures {
      try pdf.write(to: URL(filePath: "\(pictures)/\(page).pdf"))
      try Data(contentsOf: URL(filePath: file)).write(to: URL(filePath: "\(pictures)/\(page).html"))
    }
    let tour = PageTour(page: page, events: troubles(session, except: file), visits: visits, pdf: pdf)
    try call("Target.closeTarget", ["targetId": target])
    events = []
    return tour
  }

  private func look(_ page: String, as view: PageView, session: String, pictures: String?) throws -> PageVisit {
    try call(
      "Emulation.setDeviceMetricsOverride",
      ["width": view.width, "height": 900, "deviceScaleFactor": 1, "mobile": view.width < 600], session: session)
    try call(
      "Emulation.setEmulatedMedia",
      [
        "media": view.isPrint ? "print" : "screen",
        "features": [["name": "prefers-color-scheme", "value": view.isDark ? "dark" : "light"]],
      ], session: session)
    let answer = try call(
      "Runtime.evaluate", ["expression": PageAudit.script, "returnByValue": true], session: session)
    guard let result = answer["result"] as? [String: Any], let text = result["value"] as? String,
      let found = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    else { throw BrowserError(description: "\(page): the audit gave \(answer)") }
    if let pictures {
      // No picture is longer than a texture of the graphics library.
      let clip: [String: Any] = [
        "x": 0, "y": 0, "width": view.width, "height": min(found["height"] as? Int ?? 900, 16_000), "scale": 1,
      ]
      let shot = try call(
        "Page.captureScreenshot", ["format": "png", "captureBeyondViewport": true, "clip": clip], session: session)
      try Data(base64Encoded: shot["data"] as? String ?? "")?
        .write(to: URL(filePath: "\(pictures)/\(page)-\(view).png"))
    }
    return PageVisit(
      view: view, scrollWidth: found["width"] as? Int ?? -1, defects: found["defects"] as? [String] ?? ["no answer"])
  }

  /// What should not have happened: words on the console, requests, dialogs, errors.
  private func troubles(_ session: String, except file: String) -> [String] {
    let own = URL(filePath: file).absoluteString
    return events.filter { $0.session == session }.compactMap { _, method, parameters -> String? in
      switch method {
      case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening":
        return "\(method): \(parameters)"
      case "Log.entryAdded": return "\(method): \(parameters["entry"] ?? "")"
      case "Network.requestWillBeSent":
        let url = (parameters["request"] as? [String: Any])?["url"] as? String ?? "?"
        return url == own ? nil : "request of \(url)"
      default: return nil
      }
    }
  }
}
