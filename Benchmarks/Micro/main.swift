// Prints what the hot paths cost: CPU time of one operation on one core.
//
//     swift run -c release fanfare-microbench [PART OF A NAME] [--check]
//
// With --check it exits with 1 when a figure is above its limit; the limits leave room for slow machines and are there to
// notice a change for the worse by a factor, not by percents.
internal import Glibc

let arguments = CommandLine.arguments.dropFirst()
var harness = Harness(filter: arguments.first { !$0.hasPrefix("--") }, isChecking: arguments.contains("--check"))
CodecBenchmarks()?.run(&harness)
try SigningBenchmarks().run(&harness)
MatchingBenchmarks().run(&harness)
try PathBenchmarks().run(&harness)
try InboundBenchmarks().run(&harness)
if !harness.failures.isEmpty {
    print("over their limits: \(harness.failures.joined(separator: ", "))")
    exit(1)
}
