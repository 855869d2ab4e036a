internal import FeedService
internal import ServiceKit

ServiceMain.run(FeedService.definition(makeBackbone: makeBackbone))
