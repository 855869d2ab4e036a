internal import Glibc

/// The longest configuration file, in bytes.
private let largestConfigurationFile = 1 << 20

/// The text of a configuration file.
@Sendable func readConfigurationFile(_ path: String) throws(ConfigurationError) -> String {
    guard let file = fopen(path, "re") else {
        throw ConfigurationError(["the configuration file \(path): \(String(cString: strerror(errno)))"])
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: largestConfigurationFile + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0, count <= largestConfigurationFile,
        let text = String(validating: bytes[..<count], as: UTF8.self)
    else { throw ConfigurationError(["the configuration file \(path) cannot be read as text of at most 1 MiB"]) }
    return text
}
