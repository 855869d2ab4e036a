internal import Glibc

/// CPU time of this process, so that other programs on the machine disturb little.
func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Resident memory of this process in bytes.
func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "re") else { return 0 }
    defer { fclose(file) }
    var total = 0
    var resident = 0
    withUnsafeMutablePointer(to: &total) { total in
        withUnsafeMutablePointer(to: &resident) { resident in
            withVaList([total, resident]) { _ = vfscanf(file, "%ld %ld", $0) }
        }
    }
    return resident * Int(getpagesize())
}

/// Keeps a result alive without letting the optimiser see that nobody reads it.
@inline(never)
func consume<Value>(_ value: Value) {
    withExtendedLifetime(value) {}
}

/// Runs operations and prints one line each: what it is, and the best of several rounds, since noise only adds.
struct Harness {
    /// Only names that contain this are run.
    let filter: String?
    /// Whether a figure above its limit makes the run fail.
    let isChecking: Bool
    private(set) var failures: [String] = []

    init(filter: String?, isChecking: Bool) {
        self.filter = filter
        self.isChecking = isChecking
    }

    private static let rounds = 5
    private static let roundNanoseconds: UInt64 = 30_000_000

    func isWanted(_ name: String) -> Bool { filter.map(name.contains) ?? true }

    /// - Parameter limit: Nanoseconds that an operation may take, checked with `--check`; several times what a laptop needs.
    mutating func measure(_ name: String, limit: Double? = nil, _ operation: () -> Void) {
        guard isWanted(name) else { return }
        var count = 1
        var taken: UInt64 = 0
        while true {
            taken = time(count, operation)
            if taken > Self.roundNanoseconds { break }
            count *= 2
        }
        var best = Double(taken) / Double(count)
        for _ in 0..<Self.rounds { best = min(best, Double(time(count, operation)) / Double(count)) }
        report(name, best, limit: limit)
    }

    /// Reports a figure that was measured elsewhere.
    mutating func report(_ name: String, _ nanoseconds: Double, limit: Double? = nil) {
        let isOver = limit.map { nanoseconds > $0 } ?? false
        print("\(pad(name, 56)) \(padLeft(text(nanoseconds), 12))\(isChecking && isOver ? "  over its limit" : "")")
        if isOver, isChecking { failures.append(name) }
    }

    private func time(_ count: Int, _ operation: () -> Void) -> UInt64 {
        let start = processorNanoseconds()
        for _ in 0..<count { operation() }
        return processorNanoseconds() - start
    }

    private func text(_ nanoseconds: Double) -> String {
        switch nanoseconds {
        case ..<10_000: "\(Int(nanoseconds.rounded())) ns"
        case ..<10_000_000: "\(Int((nanoseconds / 1_000).rounded())) µs"
        default: "\(Int((nanoseconds / 1_000_000).rounded())) ms"
        }
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func padLeft(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
