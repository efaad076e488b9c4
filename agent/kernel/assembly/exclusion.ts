/**
 * Which packets the built-in rules of packet/exclusion.ts may exclude, by their ports alone. TypeScript looks at those, and knows the
 * rest of the policy.
 */

const KMS_PORT: u32 = 1688;

export function mayBeExcluded(ports: u32): bool {
  const source = ports >>> 16;
  return source === KMS_PORT || (ports & 0xffff) === KMS_PORT || isDhcp(source) || isDhcpv6(source);
}

function isDhcp(port: u32): bool {
  return port === 67 || port === 68;
}

function isDhcpv6(port: u32): bool {
  return port === 546 || port === 547;
}
