import type { Sandbox } from '../../agent/model/sandbox.ts';

/** Of a process that the tests share, on which nothing may be put for good. */
export const UNCONFINED: Sandbox = {
  user: { uid: 0, name: 'root', reason: null, handedOver: 0 },
  capabilities: [],
  files: { limited: false, landlock: 0, reason: 'a process of the tests' },
  systemCalls: { limited: false, programs: true, reason: 'a process of the tests' },
};

/** As an agent of the package has it. */
export const CONFINED: Sandbox = {
  user: { uid: 997, name: 'flowlogd', reason: null, handedOver: 0 },
  capabilities: ['CAP_NET_RAW'],
  files: { limited: true, landlock: 7, reason: null },
  systemCalls: { limited: true, programs: false, reason: null },
};
