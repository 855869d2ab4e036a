internal import COpenSSL

/// Random bytes from OpenSSL's generator, fit for keys. Ask for many at once where many are needed: a call costs about a
/// microsecond however few bytes it brings.
public enum SecureRandom {
    /// Overwrites all of `bytes`.
    public static func fill(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { fill($0) }
    }

    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    private static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let start = buffer.baseAddress, !buffer.isEmpty else { return }
        // The only failure is a generator without a seed. Nothing safe can be done without random numbers.
        let done = RAND_bytes(start.assumingMemoryBound(to: UInt8.self), Int32(buffer.count))
        precondition(done == 1, "the system has no random numbers")
    }
}
