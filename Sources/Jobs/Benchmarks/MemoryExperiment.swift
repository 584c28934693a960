// Peak memory of the ingest of a file of any size, and the CPU time of client and server.
// Invariant: the peak is this process's own, started anew right before the load; what the process held by then is in it
// and is shown beside it. The client's CPU time is this process's, the server's that of all its processes.

internal import Glibc
internal import Postgres
internal import Telemetry

struct MemoryExperiment {
  let bench: Workbench

  /// What one load took.
  private struct Cost {
    var before = 0.0
    var peak = 0.0
    var client = 0.0
    var server: Double?
    var wall = 0.0
    var isPeakReset = false
  }

  func run() async throws -> ExperimentResult {
    let sample = try bench.makeSample(rows: min(bench.size.rows ?? 200_000, 200_000))
    let file = try sample.repeated(bytes: bench.size.bytes ?? 100_000_000, to: "\(bench.folder)/large.csv")
    bench.told("\(file.rows) transactions, \(file.bytes) bytes")
    return try await bench.withShop { shop in
      try await shop.makeTables(from: sample)
      var costs: [Cost] = []
      let agreed = AgreedState()
      for round in 1...(bench.size.rounds ?? 1) {
        let cost = try await measure(shop, file)
        try await shop.check("ingest", holds: file, agreed: agreed)
        bench.told("round \(round): peak \(fixed(cost.peak)) MB, client \(fixed(cost.client)) s of CPU")
        costs.append(cost)
      }
      return result(file, costs)
    }
  }

  private func measure(_ shop: ScratchShop, _ file: BenchFile) async throws -> Cost {
    try await shop.empty()
    let server = try await shop.session.pool.withConnection(label: "bench") { connection in
      ServerProcesses(of: connection, database: shop.name)
    }
    var cost = Cost()
    cost.isPeakReset = OwnMemory.resetPeak()
    cost.before = OwnMemory.megabytes("VmRSS") ?? 0
    let serverBefore = server?.cpuSeconds()
    let before = ProcessUsage.current()
    cost.wall = try await bench.seconds { try await shop.ingest(file.path) }
    cost.client = Double(ProcessUsage.current().since(before).cpuMilliseconds) / 1000
    if let serverBefore, let after = server?.cpuSeconds() { cost.server = after - serverBefore }
    cost.peak = OwnMemory.megabytes("VmHWM") ?? 0
    return cost
  }

  private func result(_ file: BenchFile, _ costs: [Cost]) -> ExperimentResult {
    var measurements = [
      Measurement("resident_before", unit: "MB", samples: costs.map(\.before)),
      Measurement(
        "peak_resident", unit: "MB", samples: costs.map(\.peak), target: .value(100)),
      Measurement("wall", unit: "s", samples: costs.map(\.wall)),
    ]
    var notes = ["MB are 10^6 bytes; what the measuring itself holds is in peak_resident"]
    let servers = costs.compactMap(\.server)
    if servers.count == costs.count {
      measurements.append(Measurement("server_cpu", unit: "s", samples: servers))
      measurements.append(
        Measurement(
          "client_cpu", unit: "s", samples: costs.map(\.client), against: "server_cpu", target: .ratio(0.5)))
      notes.append("server_cpu is that of all processes of the server, whoever they work for")
    } else {
      measurements.append(Measurement("client_cpu", unit: "s", samples: costs.map(\.client)))
      notes.append("the server's processes are not on this machine, so its CPU time is not known")
    }
    if !costs.allSatisfy(\.isPeakReset) {
      notes.append("the kernel did not let the peak start anew: it holds what was before the load")
    }
    return ExperimentResult(
      .memory, title: "peak memory and CPU time for one file", rows: file.rows, bytes: file.bytes,
      measurements: measurements, notes: notes)
  }
}
