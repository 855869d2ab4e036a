internal import Glibc

/// CPU time of the processes of a Postgres server on this machine, and of this one.
struct ServerCPU {
    private let postmaster: Int32

    /// - Parameter backend: a process of the server's.
    init(backend: Int32) {
        let fields = Self.text("/proc/\(backend)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        postmaster = fields.count > 1 ? Int32(fields[1]) ?? 0 : 0
    }

    /// Seconds, of each process.
    func read() -> [Int32: Double] {
        var times: [Int32: Double] = [:]
        let children = Self.text("/proc/\(postmaster)/task/\(postmaster)/children").split(separator: " ")
        for child in children.compactMap({ Int32($0) }) + [postmaster] {
            let fields = Self.text("/proc/\(child)/schedstat").split(separator: " ")
            if let first = fields.first, let nanoseconds = Double(first) { times[child] = nanoseconds / 1e9 }
        }
        return times
    }

    /// Seconds since `before`.
    func elapsed(since before: [Int32: Double]) -> Double {
        read().reduce(0) { $0 + $1.value - (before[$1.key] ?? 0) }
    }

    /// CPU seconds of this process.
    static func own() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
