internal import FuzzTargets
internal import Glibc

/// Feeds every parser that reads what strangers wrote for some seconds each. A crash, an input that takes too long, or more
/// memory than the limit ends the process; the input lies in a file then.
struct FuzzRun {
    /// One input may take this long, in seconds; a debug build on a busy machine included.
    private static let patience: UInt32 = 20
    /// Address space, in bytes.
    private static let memory: rlim_t = 2 << 30

    let seconds: Double
    let seed: UInt64
    let path: String

    /// - Returns: false if something is wrong.
    func run(_ targets: [FuzzTarget]) -> Bool {
        var limit = rlimit(rlim_cur: Self.memory, rlim_max: Self.memory)
        guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return false }
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return false }
        defer { close(file) }
        var isWell = true
        for target in targets {
            isWell = run(target, file) && isWell
        }
        if isWell { unlink(path) }
        return isWell
    }

    private func run(_ target: FuzzTarget, _ file: Int32) -> Bool {
        var mutator = Mutator(target, seed: seed)
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        var slowest = Duration.zero
        for input in target.seeds { guard judge(target, input, file) else { return false } }
        while clock.now - start < .seconds(seconds) {
            let input = mutator.next()
            let before = clock.now
            guard judge(target, input, file) else { return false }
            slowest = max(slowest, clock.now - before)
            count += 1
        }
        print("\(target.rawValue): \(count) inputs, the slowest took \(slowest / .milliseconds(1)) ms")
        return true
    }

    private func judge(_ target: FuzzTarget, _ input: [UInt8], _ file: Int32) -> Bool {
        // Written first: whatever kills the process leaves it behind.
        let written = input.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
        guard written == input.count, ftruncate(file, off_t(input.count)) == 0 else { return false }
        alarm(Self.patience)
        let complaint = target.run(input)
        alarm(0)
        guard let complaint else { return true }
        print("\(target.rawValue): \(complaint); the input is in \(path), the seed was \(seed)")
        return false
    }
}
