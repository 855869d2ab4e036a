internal import ToolService

Tool.main()
