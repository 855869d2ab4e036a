internal import Synchronization

/// Which version of the records' format this process writes.
///
/// Readers know every version up to `FieldWriter.version`. So a new one comes in two rollouts: first the program that reads it,
/// everywhere; then the setting that has it written.
public enum RecordFormat {
    private static let version = Atomic<UInt8>(1)

    /// What writers write.
    public static var written: UInt8 { version.load(ordering: .relaxed) }

    /// Called once, before anything is written.
    ///
    /// - Precondition: a version that this program reads.
    public static func write(version new: Int) {
        precondition((1...Int(FieldWriter.version)).contains(new), "what is written must be readable")
        version.store(UInt8(new), ordering: .relaxed)
    }
}
