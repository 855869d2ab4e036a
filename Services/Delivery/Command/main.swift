internal import BackboneSelection
internal import DeliveryService
internal import ServiceKit

ServiceMain.run(DeliveryService.definition(makeLanes: SelectedBackbone.lanes, makeCursors: SelectedBackbone.cursors))
