internal import Glibc

/// How much processor time the parts of a measurement have used.
struct CPUMeter: Sendable {
    /// Of the four services and Postgres, by name; fixed at the start.
    let processes: [(name: String, pid: Int32)]
    /// PostgreSQL's main process; its children are counted with it, also those that have ended.
    let postgres: Int32?

    /// In seconds of processor time.
    struct Reading: Sendable {
        var byName: [(name: String, seconds: Double)]
        /// This process: the generator and the sink.
        var own: Double
    }

    func read() -> Reading {
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        var byName = processes.map { process in
            (process.name, Double(ProcessTable.information(process.pid)?.cpuTicks ?? 0) / perSecond)
        }
        if let postgres, let main = ProcessTable.information(postgres) {
            let children = ProcessTable.all().filter { $0.information.parent == postgres }
                .reduce(0) { $0 + $1.information.cpuTicks }
            byName.append(("postgres", Double(main.cpuTicks + main.endedChildrenTicks + children) / perSecond))
        }
        return Reading(
            byName: byName, own: Double(ProcessTable.information(getpid())?.cpuTicks ?? 0) / perSecond)
    }

    /// Peak resident memory in bytes, by service; Postgres is left out, since its processes share most of theirs.
    func peakMemory() -> [(name: String, bytes: Int)] {
        processes.map { process in
            let line = (Files.text("/proc/\(process.pid)/status") ?? "").split(separator: "\n")
                .first { $0.hasPrefix("VmHWM:") }
            let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0.filter(\.isNumber)) }
            return (process.name, (kibibytes ?? 0) * 1_024)
        }
    }
}
