/**
 * What each refusal of the upload endpoint means for a batch: the one table, from which `docs/cls.md` is checked.
 *
 * The documented `errorcode` decides, not the status: 403 alone is said for a batch that is too large, for an account in
 * arrears and for a missing permission. Codes of the `AuthFailure.` family are listed without that prefix, because the
 * service says them both ways. Sources: CLS API "error codes" (614/12402); 413 is said by published SDKs only.
 */
export interface Refusal {
  readonly errorcode: string;
  readonly status: number;
  readonly kind: 'retry' | 'blocked' | 'too-large' | 'poison';
  readonly meaning: string;
}

export const REFUSALS: readonly Refusal[] = [
  {
    errorcode: 'SpeedQuotaExceed',
    status: 429,
    kind: 'retry',
    meaning: 'the topic takes no more per second now; more partitions take more',
  },
  { errorcode: 'InternalError', status: 500, kind: 'retry', meaning: 'the service is in trouble' },
  {
    errorcode: 'SignatureExpire',
    status: 401,
    kind: 'retry',
    meaning: "the clocks disagree; signed again at once with the service's time, from its Date header",
  },

  { errorcode: 'InvalidAuthorization', status: 400, kind: 'blocked', meaning: 'the signature is not understood' },
  { errorcode: 'MissingAuthorization', status: 400, kind: 'blocked', meaning: 'the signature got lost on the way' },
  { errorcode: 'TopicClosed', status: 400, kind: 'blocked', meaning: "the topic's collection is switched off" },
  {
    errorcode: 'InvalidCompressType',
    status: 400,
    kind: 'blocked',
    meaning: 'the service does not know this compression; choose another',
  },
  {
    errorcode: 'InvalidContentType',
    status: 400,
    kind: 'blocked',
    meaning: 'a proxy on the way changed the headers',
  },
  {
    errorcode: 'MissingContentType',
    status: 400,
    kind: 'blocked',
    meaning: 'a proxy on the way removed headers',
  },
  { errorcode: 'SecretIdNotFound', status: 401, kind: 'blocked', meaning: 'no such SecretId' },
  { errorcode: 'InvalidSecretId', status: 401, kind: 'blocked', meaning: 'the SecretId is malformed or disabled' },
  { errorcode: 'SignatureFailure', status: 401, kind: 'blocked', meaning: 'the SecretKey is wrong' },
  { errorcode: 'TokenFailure', status: 401, kind: 'blocked', meaning: 'the temporary token is wrong or has run out' },
  { errorcode: 'MFAFailure', status: 401, kind: 'blocked', meaning: 'the account asks for a second factor' },
  {
    errorcode: 'UnauthorizedOperation',
    status: 401,
    kind: 'blocked',
    meaning: 'the account lacks the permission cls:UploadLog',
  },
  { errorcode: 'Unauthorized', status: 401, kind: 'blocked', meaning: 'the account lacks the permission' },
  { errorcode: 'AccountArrears', status: 403, kind: 'blocked', meaning: 'the account is in arrears' },
  { errorcode: 'ServiceNotActivated', status: 403, kind: 'blocked', meaning: 'the log service is not activated' },
  { errorcode: 'NotAllowed', status: 403, kind: 'blocked', meaning: 'the account may not do this' },
  { errorcode: 'TopicNotExist', status: 404, kind: 'blocked', meaning: 'no such topic in this region' },
  { errorcode: 'LogsetNotExist', status: 404, kind: 'blocked', meaning: 'the logset of the topic is gone' },
  { errorcode: 'IndexNotExist', status: 404, kind: 'blocked', meaning: 'the topic has no index' },
  { errorcode: 'NotSupported', status: 405, kind: 'blocked', meaning: 'the endpoint is not the upload endpoint' },

  { errorcode: 'LogSizeExceed', status: 403, kind: 'too-large', meaning: 'more than 5 MB of values; cut in two' },

  { errorcode: 'InvalidContent', status: 400, kind: 'poison', meaning: 'the body cannot be decoded' },
  { errorcode: 'InvalidParam', status: 400, kind: 'poison', meaning: 'a value of the batch is not accepted' },
  { errorcode: 'MissingContent', status: 400, kind: 'poison', meaning: 'the body is empty' },
];

const BY_ERRORCODE = new Map(REFUSALS.map((refusal) => [refusal.errorcode, refusal]));
const AUTH_FAILURE = 'AuthFailure.';

/** The table's row for an `errorcode`, with or without its family. */
export function refusalOf(errorcode: string): Refusal | undefined {
  return BY_ERRORCODE.get(errorcode.startsWith(AUTH_FAILURE) ? errorcode.slice(AUTH_FAILURE.length) : errorcode);
}

/**
 * What a refusal means when its `errorcode` is unknown (`errorcode` given) or when the answer is not the service's JSON at
 * all (undefined): a proxy's page, a portal, noise.
 *
 * An unknown code of the service blocks: it keeps everything and asks again slowly, while quarantine would empty the
 * spool for a reason that nobody has read yet. What is not the service's word says nothing about the batch: retry.
 */
export function refusalByStatus(status: number, errorcode: string | undefined): Refusal['kind'] {
  if (status === 413) return 'too-large';
  if (status === 429 || status === 408 || status >= 500) return 'retry';
  return errorcode !== undefined && status >= 400 ? 'blocked' : 'retry';
}

/** Families of codes of the management API ("API 3.0") behind which there is no decision of an operator. */
const MANAGEMENT_RETRY = new Set(['InternalError', 'LimitExceeded', 'RequestLimitExceeded', 'ResourceUnavailable']);

/**
 * What a refusal of the management API means, whose codes are `Family` or `Family.Code`. It has stored nothing and never
 * will, so nothing that it says is about the batch: most of it waits for an operator, who names the right endpoint.
 */
export function managementRefusal(code: string): 'blocked' | 'retry' {
  const [family = '', ...rest] = code.split('.');
  if (MANAGEMENT_RETRY.has(family)) return 'retry';
  return refusalOf(rest.at(-1) ?? family)?.kind === 'retry' ? 'retry' : 'blocked';
}
