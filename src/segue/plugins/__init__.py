"""The plugins that come with Segue. Paths follow the type names below ``io.kestra.plugin``."""
