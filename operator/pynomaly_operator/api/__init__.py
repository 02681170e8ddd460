"""The resource: its models, its CustomResourceDefinition, its parser."""
