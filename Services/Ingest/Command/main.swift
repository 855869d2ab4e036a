internal import BackboneSelection
internal import IngestService
internal import ServiceKit

ServiceMain.run(IngestService.definition(makeLog: SelectedBackbone.eventLog))
