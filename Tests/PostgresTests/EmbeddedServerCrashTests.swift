// What crashes, full disks, hostile directories and awkward paths do to the embedded server.
// Every left-over here was made as the real thing makes it: by kill -9, by a stopped initdb, by a reused process id.

import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite struct EmbeddedServerCrashTests {
  @Test func killedPostmasterWithABusyBackendIsReplacedAndLosesNothingCommitted() async throws {
    var limits = EmbeddedServerLimits()
    limits.orphan = .milliseconds(100)
    try await withServer(durability: .durable, limits: limits) { server in
      let lease = try await server.acquire()
      try await Psql.run(["create table t as select g from generate_series(1, 1000) g"], at: lease.url)
      let url = lease.url
      // Counts without ever looking whether its postmaster lives.
      let busy = Task { try await Psql.run(["select count(*) from generate_series(1, 200000000)"], at: url) }
      while try await Psql.run(
        ["select count(*) from pg_stat_activity where query like 'select count(*) from gen%'"], at: url)
        != "1\n"
      {}
      let pid = try #require(server.runningPID)
      kill(pid, SIGKILL)
      // It is a child of this process; once reaped it is surely gone.
      _ = ChildProcess.wait(for: pid)
      let again = try await server.acquire()
      #expect(try await Psql.run(["select count(*) from t"], at: again.url) == "1000\n")
      #expect(server.runningPID != pid)
      await #expect(throws: TestSupportError.self) { try await busy.value }
      await lease.release()
      await again.release()
      #expect(server.status() == .stopped)
    }
  }

  @Test func pidFileAndSocketLockOfAReusedProcessIDAreNoObstacle() async throws {
    try await withServer { server in
      let lease = try await server.acquire()
      let home = try #require(try server.places.existingHome(of: server.stateDirectory))
      let pidFile = try #require(FileSystem.read(home.pidFile))
      let socketLock = try #require(FileSystem.read(home.path + "/socket/.s.PGSQL.5432.lock"))
      await lease.release()

      let stranger = try SleepingProcess.start(as: home.user)
      defer { stranger.end() }
      for (path, text) in [(home.pidFile, pidFile), (home.path + "/socket/.s.PGSQL.5432.lock", socketLock)] {
        let rest = text.drop { $0 != "\n" }
        try FileSystem.replace(path, with: "\(stranger.pid)\(rest)", owner: home.user)
      }
      #expect(server.status() == .stopped)
      try await server.acquire().release()
      #expect(stranger.isAlive)
    }
  }

  @Test func halfMadeClusterIsMadeAgain() async throws {
    try await withServer(fromTemplate: false) { server in
      let home = try server.places.makeHome(for: server.stateDirectory)
      #expect(!FileSystem.exists(home.data))
      try FileSystem.makeDirectory(home.draft, mode: 0o700, owner: home.user)
      try FileSystem.replace(home.draft + "/PG_VERSION", with: "15\n", owner: home.user)
      let lease = try await server.acquire()
      #expect(try await Psql.run(["select 1"], at: lease.url) == "1\n")
      #expect(!FileSystem.exists(home.draft))
      await lease.release()
    }
  }

  @Test func lostDatabaseIsNotReplacedByAnEmptyOne() async throws {
    try await withServer { server in
      await (try await server.acquire()).release()
      let home = try #require(try server.places.existingHome(of: server.stateDirectory))
      let aside = home.path + "/data.aside"
      #expect(rename(home.data, aside) == 0)
      let error = await #expect(throws: EmbeddedServerError.self) { try await server.acquire() }
      #expect(error?.kind == .files)
      #expect(error?.description.contains("is gone") == true)
      #expect(!FileSystem.exists(home.data))
      #expect(rename(aside, home.data) == 0)
      await (try await server.acquire()).release()
    }
  }

  @Test func serverStillUnderOtherHandsIsNotStartedTwice() async throws {
    var limits = EmbeddedServerLimits()
    limits.orphan = .milliseconds(10)
    try await withServer(limits: limits) { server in
      try await server.acquire().release()
      let home = try #require(try server.places.existingHome(of: server.stateDirectory))
      // As a server in another container does: it holds the lock, and no process of it can be seen.
      let unseen = try ServerFile(home.alive, owner: home.user)
      #expect(unseen.tryLock(LOCK_EX))
      let refusal = await #expect(throws: EmbeddedServerError.self) { try await server.acquire() }
      #expect(refusal?.kind == .startFailed)
      #expect(refusal?.message.contains("cannot see") == true)
      unseen.unlock()
      try await server.acquire().release()
    }
  }

  @Test func initdbWhoseCallerWasKilledIsWaitedFor() async throws {
    try await withServer(fromTemplate: false) { server in
      let home = try server.places.makeHome(for: server.stateDirectory)
      // What such an initdb is to others: a process that holds the inherited lock for a while and then ends.
      let other = try await SleepingProcess.start(holding: "-x", of: home.alive, seconds: "0.3")
      let lease = try await server.acquire()
      #expect(waitpid(other.pid, nil, WNOHANG) == other.pid)
      #expect(try await Psql.run(["select 1"], at: lease.url) == "1\n")
      await lease.release()
    }
  }

  @Test func failedStartTellsWhatTheServerSaid() async throws {
    try await withServer { server in
      try await server.acquire().release()
      let home = try #require(try server.places.existingHome(of: server.stateDirectory))
      try FileSystem.replace(home.data + "/postgresql.auto.conf", with: "work_mem = 'much'\n", owner: home.user)
      let refusal = await #expect(throws: EmbeddedServerError.self) { try await server.acquire() }
      #expect(refusal?.kind == .startFailed)
      #expect(refusal?.description.contains("invalid value for parameter \"work_mem\": \"much\"") == true)
      try FileSystem.replace(home.data + "/postgresql.auto.conf", with: "", owner: home.user)
      try await server.acquire().release()
    }
  }

  @Test func fullDiskIsNamedAsSuch() {
    let error = EmbeddedServerError.explaining(
      .startFailed, "the server did not start",
      log: ["FATAL:  could not write lock file \"postmaster.pid\": No space left on device"], path: "/tmp",
      logPath: "/tmp/server.log")
    #expect(error.kind == .diskFull)
    #expect(error.description.contains("the disk that holds /tmp is full"))
    #expect(error.description.contains("postmaster.pid"))
    #expect(EmbeddedServerError.files("write", "/tmp/x", ENOSPC).kind == .diskFull)
    #expect(EmbeddedServerError.files("write", "/tmp/x", EACCES).kind == .files)
  }

  @Test func missingProgramsAreNamedWithTheLineThatInstallsThem() {
    let refusal = #expect(throws: EmbeddedServerError.self) { try EmbeddedServerPrograms.find(roots: ["/nowhere/"]) }
    #expect(refusal?.kind == .notInstalled)
    #expect(refusal?.description.contains("/nowhere/15/bin") == true)
    #expect(refusal?.fix?.contains("apt-get install postgresql-15") == true)
  }

  /// Under root the server's user cannot pass a directory of mode 0700; otherwise it is the caller and can.
  @Test func clusterOfAnUnreachableProjectLiesElsewhereAndIsFoundAgain() async throws {
    try await TemporaryDirectory.with(mode: 0o711) { elsewhere in
      var places = EmbeddedServerPlaces()
      places.fallbackDirectory = elsewhere.path
      try await withServer(places: places, mode: 0o700, fromTemplate: false) { server in
        let lease = try await server.acquire()
        try await Psql.run(["create table t (a int)"], at: lease.url)
        await lease.release()
        let home = try #require(try places.existingHome(of: server.stateDirectory))
        let root = geteuid() == 0 ? elsewhere.path : server.stateDirectory
        #expect(home.path.hasPrefix(root + "/"))
        #expect(FileSystem.ownIdentity(home.path).map { $0.mode & 0o777 } == 0o700)

        let again = try await server.acquire()
        #expect(try await Psql.run(["select count(*) from t"], at: again.url) == "0\n")
        await again.release()
      }
    }
  }

  @Test func movedProjectKeepsItsClusterAndACopyGetsItsOwn() throws {
    guard geteuid() == 0 else { return }
    try TemporaryDirectory.with(mode: 0o711) { elsewhere in
      try TemporaryDirectory.with(mode: 0o700) { projects in
        var places = EmbeddedServerPlaces()
        places.fallbackDirectory = elsewhere.path
        let first = try places.makeHome(for: projects.appending("first"))

        let pointer = try projects.read("first/server.location")
        try projects.write(pointer, to: "copy/server.location")
        let copy = try places.makeHome(for: projects.appending("copy"))
        #expect(copy.path != first.path)

        try #require(rename(projects.appending("first"), projects.appending("moved")) == 0)
        #expect(try places.existingHome(of: projects.appending("moved")) == first)
        let newcomer = try places.makeHome(for: projects.appending("first"))
        #expect(newcomer.path != first.path)
      }
    }
  }

  @Test func pointerOutOfItsDirectoryIsRefused() throws {
    try TemporaryDirectory.with { project in
      try project.write("/var/lib/postgresql/15\n", to: "server.location")
      #expect(throws: EmbeddedServerError.self) { try EmbeddedServerPlaces().existingHome(of: project.path) }
      try project.write("/var/lib/daybook/../postgresql\n", to: "server.location")
      #expect(throws: EmbeddedServerError.self) { try EmbeddedServerPlaces().existingHome(of: project.path) }
    }
  }

  @Test func socketOfAVeryLongPathLiesInAShortDirectory() async throws {
    try await TemporaryDirectory.with(mode: 0o711) { short in
      var places = EmbeddedServerPlaces()
      places.socketDirectories = [short.appending("s")]
      try await withServer(places: places, depth: 10) { server in
        let lease = try await server.acquire()
        #expect(lease.url.contains("host=\(short.path)/s-"))
        #expect(try await Psql.run(["select 1"], at: lease.url) == "1\n")
        #expect(server.runningURL == lease.url)
        await lease.release()
      }
    }
  }

  @Test(arguments: ["symbolic link", "open to others", "somebody else's"])
  func socketDirectoryThatSomebodyElsePreparedIsRefused(_ trap: String) throws {
    try TemporaryDirectory.with(mode: 0o711) { short in
      var places = EmbeddedServerPlaces()
      places.socketDirectories = [short.appending("s")]
      let user = SystemUser.current()
      let home = EmbeddedServerHome(path: short.path + String(repeating: "/a-long-name", count: 10), user: user)
      let planted = short.appending("s-\(user.uid)")
      switch trap {
      case "symbolic link":
        try #require(mkdir(short.appending("real"), 0o700) == 0 && symlink(short.appending("real"), planted) == 0)
      case "open to others":
        try #require(mkdir(planted, 0o700) == 0 && chmod(planted, 0o777) == 0)
      default:
        // Without root nothing can be given away; a plain file then stands for what cannot be used.
        try #require(
          geteuid() == 0 ? mkdir(planted, 0o700) == 0 && chown(planted, 1, 1) == 0 : creat(planted, 0o600) > 0)
      }
      let refusal = #expect(throws: EmbeddedServerError.self) { try places.makeSocketDirectory(for: home) }
      #expect(refusal?.kind == .files)
      #expect(refusal?.message.contains(planted) == true)
    }
  }

  @Test func filesThatAreLinksAreNotOpened() throws {
    try TemporaryDirectory.with { directory in
      let target = try directory.write("precious", to: "target")
      let user = SystemUser.current()
      try #require(symlink(target, directory.appending("symbolic")) == 0)
      try #require(link(target, directory.appending("hard")) == 0)
      #expect(throws: EmbeddedServerError.self) { try ServerFile(directory.appending("symbolic"), owner: user) }
      #expect(throws: EmbeddedServerError.self) { try ServerFile(directory.appending("hard"), owner: user) }
    }
  }
}
