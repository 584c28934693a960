// The texts of the embedded server: its settings, its URL, its pid file. Nothing here starts a process.

import Testing

@testable import Postgres

@Suite struct EmbeddedServerSettingsTests {
  private func settings(
    _ durability: EmbeddedServer.Durability = .durable, gigabytes: Int, sharedMegabytes: Int = 1_024,
    socket: String = "/s"
  ) -> [String: String] {
    let text = EmbeddedServerSettings(
      durability: durability, socketDirectory: socket, memoryBytes: gigabytes << 30,
      sharedMemoryBytes: sharedMegabytes << 20
    ).configuration
    return Dictionary(
      uniqueKeysWithValues: text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
        let parts = line.split(separator: " = ", maxSplits: 1)
        return (String(parts[0]), String(parts[1]))
      })
  }

  @Test(arguments: [(1, "128MB"), (2, "256MB"), (4, "512MB"), (256, "2048MB")])
  func buffersFollowTheMemoryWithinBounds(gigabytes: Int, buffers: String) {
    #expect(settings(gigabytes: gigabytes)["shared_buffers"] == buffers)
  }

  @Test func onlyAThrowawayClusterIsNotDurable() {
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
      #expect(settings(gigabytes: 4)[name] == "on")
      #expect(settings(.throwaway, gigabytes: 4)[name] == "off")
    }
  }

  @Test func smallSharedMemoryIsNotReliedOn() {
    #expect(settings(gigabytes: 4)["dynamic_shared_memory_type"] == "posix")
    #expect(settings(gigabytes: 4, sharedMegabytes: 64)["dynamic_shared_memory_type"] == "mmap")
  }

  @Test func socketPathWithEveryAwkwardCharacterIsOneValue() {
    #expect(
      settings(gigabytes: 4, socket: "/a b,c'd\"e\\f")["unix_socket_directories"] == "'\"/a b,c''d\"\"e\\\\f\"'")
  }

  @Test func urlNamesPathPortAndUser() {
    #expect(
      EmbeddedServerSettings.url(socketDirectory: "/a b/ü&c")
        == "postgresql:///daybook?host=/a%20b/%C3%BC%26c&port=5432&user=daybook")
  }

  @Test func identitiesAreRootAndTheOwner() {
    #expect(
      EmbeddedServerSettings.identities(owner: "postgres").hasSuffix(
        "daybook \"root\" daybook\ndaybook \"postgres\" daybook\n"))
    #expect(EmbeddedServerSettings.identities(owner: "root").split(separator: "\n").count == 2)
  }

  @Test(arguments: [
    ("", nil), ("x\n", nil), ("-5\n", nil), ("0\n", nil), ("123", PostmasterFile.State.starting),
    ("123\n/data\n17\n5432\n/socket\n\n  99 1\nstarting\n", .starting),
    ("123\n/data\n17\n5432\n/socket\n\n  99 1\nready   \n", .ready),
    ("123\n/data\n17\n5432\n/socket\n\n  99 1\nstopping\n", .stopping),
  ])
  func pidFileTellsTheState(text: String, state: PostmasterFile.State?) {
    let file = PostmasterFile(text)
    #expect(file?.state == state)
    if text.contains("/socket") { #expect(file?.socketDirectory == "/socket") }
  }
}
