internal import Glibc

/// What this program was built from.
public enum BuildInfo {
    public static let version = "0.1.0"

    /// The commit, which the container image tells in `FANFARE_REVISION`; a build by hand does not know it.
    public static var revision: String { getenv("FANFARE_REVISION").map { String(cString: $0) } ?? "unknown" }
}
