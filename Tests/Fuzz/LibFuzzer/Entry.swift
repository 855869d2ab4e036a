internal import FuzzTargets

/// What libFuzzer calls: the first byte chooses the parser. See scripts/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let targets = FuzzTarget.allCases
    if let complaint = targets[Int(input[0]) % targets.count].run(Array(input.dropFirst())) {
        fatalError(complaint)
    }
    return 0
}
