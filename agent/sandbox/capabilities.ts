/** Capabilities as linux/capability.h numbers and capabilities(7) names them. */

const NAMES =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST ' +
  'NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE ' +
  'SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM ' +
  'BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE';

const CAPABILITIES: readonly string[] = NAMES.split(' ').map((name) => `CAP_${name}`);

/** Of a mask as /proc/PID/status has it. */
export function capabilityNames(mask: bigint): readonly string[] {
  const names: string[] = [];
  for (let number = 0; mask >> BigInt(number) !== 0n; number++) {
    if (((mask >> BigInt(number)) & 1n) === 1n) names.push(CAPABILITIES[number] ?? `CAP_${number}`);
  }
  return names;
}

/** @param threadStatus the text of /proc/thread-self/status, see proc(5) */
export function capabilitiesIn(threadStatus: string, set: 'CapPrm' | 'CapEff'): bigint {
  const [, digits = '0'] = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(threadStatus) ?? [];
  return BigInt(`0x${digits}`);
}
