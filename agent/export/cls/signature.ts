import { createHash, createHmac } from 'node:crypto';

/**
 * The request signature of Tencent Cloud Log Service (document 614/12445): HMAC-SHA1 over method, path, parameters and the
 * headers that the caller chose. It does not cover the body, which is why the sink speaks TLS by default.
 *
 * Pure: the time of validity is given, and one request has one signature.
 */
export interface SigningRequest {
  readonly secretId: string;
  readonly secretKey: string;
  readonly method: string;
  readonly path: string;
  /** URL parameters, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The headers to be covered; none is legal. The service knows content-type, content-md5, host and `x-*`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Unix seconds between which the service accepts the request. */
  readonly beginSeconds: number;
  readonly endSeconds: number;
}

/** What the seven steps compute on their way, for tests and for finding out why a service disagrees. Holds no secret but `signKey`. */
export interface SignatureSteps {
  readonly keyTime: string;
  readonly httpInfo: string;
  readonly stringToSign: string;
  readonly signKey: string;
  readonly signature: string;
  readonly headerList: string;
  readonly parameterList: string;
}

/** The value of the `Authorization` header. */
export function signRequest(request: SigningRequest): string {
  const { keyTime, headerList, parameterList, signature } = signatureSteps(request);
  return (
    `q-sign-algorithm=sha1&q-ak=${request.secretId}&q-sign-time=${keyTime}&q-key-time=${keyTime}` +
    `&q-header-list=${headerList}&q-url-param-list=${parameterList}&q-signature=${signature}`
  );
}

export function signatureSteps(request: SigningRequest): SignatureSteps {
  const keyTime = `${request.beginSeconds};${request.endSeconds}`;
  const headers = canonical(request.headers);
  const parameters = canonical(request.parameters);
  const httpInfo = `${request.method.toLowerCase()}\n${request.path}\n${parameters.text}\n${headers.text}\n`;
  const stringToSign = `sha1\n${keyTime}\n${createHash('sha1').update(httpInfo).digest('hex')}\n`;
  // The hex text of the key, not the key's bytes, is the key of the next step.
  const signKey = hmacSha1(request.secretKey, keyTime);
  const signature = hmacSha1(signKey, stringToSign);
  return {
    keyTime,
    httpInfo,
    stringToSign,
    signKey,
    signature,
    headerList: headers.list,
    parameterList: parameters.list,
  };
}

function hmacSha1(key: string, message: string): string {
  return createHmac('sha1', key).update(message).digest('hex');
}

/** Names in lower case first and sorted after: one of the published SDKs sorts before, and so signs mixed case wrongly. */
function canonical(values: Readonly<Record<string, string>>): { text: string; list: string } {
  const pairs = Object.entries(values)
    .map(([name, value]) => [name.toLowerCase(), percentEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    text: pairs.map(([name, value]) => `${name}=${value}`).join('&'),
    list: pairs.map(([name]) => name).join(';'),
  };
}

/** RFC 3986: everything but `A-Za-z0-9-_.~` as upper-case hex; `encodeURIComponent` leaves five characters more as they are. */
function percentEncode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
