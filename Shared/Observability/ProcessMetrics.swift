internal import Glibc

extension MetricsRegistry {
    /// Adds what Prometheus' client libraries tell of a process, under their names.
    public func addProcessMetrics() {
        observedCounter("process_cpu_seconds_total", "User and system time of this process, in seconds.") {
            ProcessFacts.cpuSeconds()
        }
        observedGauge("process_resident_memory_bytes", "Resident memory, in bytes.") {
            ProcessFacts.residentBytes()
        }
        observedGauge("process_virtual_memory_bytes", "Address space in use, in bytes.") {
            ProcessFacts.virtualBytes()
        }
        observedGauge("process_open_fds", "Open file descriptors.") { ProcessFacts.openDescriptors() }
        observedGauge("process_max_fds", "The limit of open file descriptors.") { ProcessFacts.maximumDescriptors() }
        observedGauge("process_threads", "Threads of this process.") { ProcessFacts.threads() }
        let started = ProcessFacts.startSeconds()
        observedGauge("process_start_time_seconds", "When this process started, in seconds since 1970.") { started }
    }

    /// Adds `fanfare_build_info`, which is always 1 and tells the version in its labels.
    public func addBuildInfo(service: String, version: String, revision: String) {
        gauge(
            "fanfare_build_info", "The running program; always 1.",
            labels: [("service", service), ("version", version), ("revision", revision)]
        ).set(1)
    }
}

/// What the kernel tells of this process. Everything is NaN where `/proc` is not there.
enum ProcessFacts {
    static func cpuSeconds() -> Double {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return .nan }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
    }

    static func residentBytes() -> Double { memory(field: 1) }

    static func virtualBytes() -> Double { memory(field: 0) }

    /// /proc/self/statm: size, resident, shared, … in pages.
    private static func memory(field: Int) -> Double {
        let fields = text(of: "/proc/self/statm").split(separator: " ")
        guard fields.count > field, let pages = Double(fields[field]) else { return .nan }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    static func openDescriptors() -> Double {
        // Since Linux 6.2 the folder's size is the number of its entries: reading it takes a microsecond for each.
        var facts = stat()
        if stat("/proc/self/fd", &facts) == 0, facts.st_size > 0 { return Double(facts.st_size) }
        guard let folder = opendir("/proc/self/fd") else { return .nan }
        defer { closedir(folder) }
        var entries = 0
        while readdir(folder) != nil { entries += 1 }
        // Without `.`, `..` and the descriptor that reads the folder.
        return Double(entries - 3)
    }

    static func maximumDescriptors() -> Double {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .nan }
        return limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur)
    }

    static func threads() -> Double { statistic(20) }

    static func startSeconds() -> Double {
        let ticks = statistic(22)
        let boot = text(of: "/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        guard let boot, let seconds = Double(boot.dropFirst("btime ".count)) else { return .nan }
        return seconds + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A field of `/proc/self/stat`, counted from 1 as in proc(5). The second, the program's name, may hold blanks and
    /// brackets, so counting starts behind its closing one.
    private static func statistic(_ field: Int) -> Double {
        let line = text(of: "/proc/self/stat")
        guard let bracket = line.lastIndex(of: ")") else { return .nan }
        let fields = line[line.index(after: bracket)...].split(separator: " ")
        guard field >= 3, fields.count > field - 3, let value = Double(fields[field - 3]) else { return .nan }
        return value
    }

    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
