internal import ServiceKit

ServiceMain.run(ExampleService.definition)
