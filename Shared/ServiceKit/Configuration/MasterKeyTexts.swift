extension Configuration {
    /// The installation's master keys as they are written, the one that encrypts first. Their form is `MasterKey`'s
    /// business; here they are only told apart.
    ///
    /// - Throws: `ConfigurationError` when there is none.
    public func masterKeys() throws(ConfigurationError) -> [Secret] {
        let text = try required(Settings.masterKey).reveal()
        let keys = text.split { $0 == "," || $0.isNewline }.map { trimmed($0) }.filter { !$0.isEmpty }
        guard !keys.isEmpty else { throw ConfigurationError(["master-key holds no key"]) }
        return keys.map { Secret($0) }
    }
}
