// What readers find under Output now: the set that the link `latest` names. Only read here.

internal import Glibc

/// Looks at what is published.
public enum Publication {
  /// What `<output>/latest` names.
  public static func state(of output: String) -> PublishedState {
    let capacity = Int(PATH_MAX)
    let target = String(unsafeUninitializedCapacity: capacity) { buffer in
      buffer.withMemoryRebound(to: CChar.self) { characters in
        guard let start = characters.baseAddress else { return 0 }
        return max(0, readlink("\(output)/latest", start, capacity))
      }
    }
    guard let name = target.split(separator: "/").last else { return .none }
    return .unchanged(String(name))
  }
}
