"""The virtual tree over the bucket: paths, permissions and policies, without IO."""
