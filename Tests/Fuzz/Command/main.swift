internal import FuzzTargets
internal import Glibc

// usage: fanfare-fuzz [SECONDS [SEED [TARGET]]]
let words = CommandLine.arguments.dropFirst().map { String($0) }
let seconds = words.first.flatMap { Double($0) } ?? 2
let seed = words.dropFirst().first.flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999_999)
let only = words.dropFirst(2).first.flatMap { FuzzTarget(rawValue: $0) }
print("seed \(seed)")
let run = FuzzRun(seconds: seconds, seed: seed, path: "fuzz-input.\(getpid())")
exit(run.run(only.map { [$0] } ?? FuzzTarget.allCases) ? 0 : 1)
