import Observability
import ServiceKit
import TestSupport
import Testing

@Suite struct SettingsTests {
    @Test func `keys, flags and variables are unique and well-formed`() {
        let keys = Settings.all.map(\.name)
        #expect(Set(keys).count == keys.count)
        #expect(Set(Settings.all.map(\.variable)).count == keys.count)
        #expect(Set(Settings.all.map(\.flag)).count == keys.count)
        for key in keys {
            #expect(key.wholeMatch(of: /[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)*/) != nil, "\(key)")
        }
    }

    @Test func `defaults are values`() throws {
        for service in ServiceName.services {
            let values = Settings.all.compactMap { setting in
                setting.defaultText(for: service).map { (setting.name, $0) }
            }
            // Giving them explicitly makes the reader check them.
            _ = try Configuration(service: service, values: Dictionary(uniqueKeysWithValues: values))
        }
    }

    @Test func `each setting is used by somebody and says what it does`() {
        for setting in Settings.all {
            #expect(!setting.scope.isEmpty, "\(setting.name)")
            #expect(setting.help.hasSuffix("."), "\(setting.name)")
        }
    }

    @Test func `secrets have a form for files`() {
        let keys = Set(Settings.all.map(\.name))
        for setting in Settings.all where setting.isSecret { #expect(keys.contains(setting.name + "-file")) }
        #expect(keys.contains("master-key-file"))
    }

    @Test func `the documentation of delivery names every setting of it`() {
        let document = TestFolders.text(of: "\(TestFolders.packageRoot)/docs/delivery.md")
        let families = ["delivery.", "endpoint.", "webhooks.", "retention."]
        for setting in Settings.all where families.contains(where: setting.name.hasPrefix) {
            #expect(document.contains("`\(setting.name)`"), "docs/delivery.md: \(setting.name)")
        }
    }

    @Test func `the documentation lists what the catalogue has`() {
        let document = TestFolders.text(of: "\(TestFolders.packageRoot)/docs/configuration.md")
        #expect(
            document.contains(ConfigurationText.markdown()),
            "replace the table in docs/configuration.md with this:\n\(ConfigurationText.markdown())")
    }
}
