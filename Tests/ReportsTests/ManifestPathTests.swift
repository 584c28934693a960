// Paths in a manifest that somebody wrote: a set is made again by them, so none may lead out of it.

import Testing

@testable import Reports

@Suite struct ManifestPathTests {
  private func manifest(file: String, page: String = "index.html") -> SetManifest {
    SetManifest(
      project: "acme", asOf: "2026-11-20", state: "COMPLETE", runID: "r", generatedAt: "2026-11-21 04:15",
      reports: [.init(name: "index", fingerprint: "f", runID: "r", files: [page])],
      files: [.init(path: file, bytes: 1, sha256: "00")])
  }

  @Test(arguments: ["index.html", "data/a..b.csv", "definitions/all.views.html", "data/.hidden"])
  func aPathInsideTheSetIsRead(_ path: String) {
    #expect(SetManifest(json: manifest(file: path).json) == manifest(file: path))
  }

  @Test(arguments: [
    "a/../../../planted/evil", "..", "/etc/passwd", "data//x.csv", "data/", "", "./index.html", "a\u{0}b",
  ])
  func aPathThatLeadsOutOfTheSetMakesItNoManifest(_ path: String) {
    #expect(SetManifest(json: manifest(file: path).json) == nil)
    #expect(SetManifest(json: manifest(file: "index.html", page: path).json) == nil)
  }
}
