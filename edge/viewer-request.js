// The edge's gate: a segment is served only to somebody who holds a playback session that was not ended.
//
// A request for   /media/<token>/<title>/<version>/<rest>
// is passed on as /<title>/<version>/<rest>            if the token opens that path, else answered with 403.
//
// The token is a JWT that the playback API signs (lambdas/playback/tokens.py):
//     header  {"alg": "HS256", "typ": "JWT", "kid": "<key id>"}
//     claims  {"sid": "<session>", "pth": "/<title>/<version>/", "iat": …, "exp": …, "aud": "edge"}
//             and "nbf" too, if it holds from later on; ours hold at once, and say none
// It stands in the path because then every relative URL of a manifest inherits it, and because the path is
// rewritten before the cache is asked: all viewers share one cache entry.
//
// This file runs unchanged in CloudFront Functions (JavaScript runtime 2.0) and in nginx njs. Both lack parts
// of the language: no classes, destructuring, for-of or spread here, and await only in named functions.
import cf from 'cloudfront';
import crypto from 'crypto';

const PREFIX = '/media/';
const AUDIENCE = 'edge';
const LONGEST_TOKEN = 1024;
// Before the id of a session that the service has ended (lambdas/delivery/edge_sessions.py).
const ENDED = 'revoked.';

// base64url without padding, in exactly three parts.
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const OPENED_PATH = /^\/[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+\/$/;
// Ids of keys and sessions. Neither has a full stop: no token can name an ended session's entry as its key.
const ID = /^[A-Za-z0-9_-]{1,128}$/;
// An allow-list instead of a hunt for traversals: no segment starts with a dot, none is empty, and there is no
// percent sign, so that neither "..", "//" nor any encoding of them can be spelled.
const OBJECT_PATH = /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;

// The key value store that is associated with this function: token keys by their ids, and ended sessions.
const store = cf.kvs();

async function handler(event) {
    const request = event.request;
    const found = split(request.uri);
    if (!found) {
        return refusal('The URL carries no edge token, or a path that cannot exist.');
    }

    const claims = await verifiedClaims(found.token);
    if (!claims || claims.aud !== AUDIENCE || !opens(claims.pth, found.path)) {
        return refusal('The edge token is not valid for this path.');
    }
    // Said apart from the others so that a player knows to start a new session; only a true token gets here.
    if (typeof claims.exp !== 'number' || claims.exp <= Date.now() / 1000) {
        return refusal('The edge token has expired: start a new playback session.');
    }
    // Absent, it is good at once (RFC 7519, 4.1.5); no leeway here, as there is none for its end.
    if (claims.nbf !== undefined && (typeof claims.nbf !== 'number' || claims.nbf > Date.now() / 1000)) {
        return refusal('The edge token is not valid yet: wait until it is.');
    }

    if (typeof claims.sid !== 'string' || !ID.test(claims.sid)) {
        return refusal('The edge token names no session.');
    }
    if (await stored(ENDED + claims.sid)) {
        return refusal('This session was ended by the service.', 'revoked');
    }

    request.uri = found.path;
    return request;
}

// Returns {token, path} of a well-formed URI, else null.
function split(uri) {
    if (!uri.startsWith(PREFIX)) {
        return null;
    }
    const end = uri.indexOf('/', PREFIX.length);
    if (end < 0) {
        return null;
    }
    const token = uri.substring(PREFIX.length, end);
    const path = uri.substring(end);
    if (token.length > LONGEST_TOKEN || !TOKEN.test(token) || !OBJECT_PATH.test(path)) {
        return null;
    }
    return { token: token, path: path };
}

// Returns the claims of a token that one of our keys has signed, else null. The algorithm is ours to choose,
// never the token's: whatever is not HS256 is refused before a key is touched.
async function verifiedClaims(token) {
    const parts = token.split('.');
    const header = decoded(parts[0]);
    if (!header || header.alg !== 'HS256') {
        return null;
    }
    const key = typeof header.kid === 'string' && ID.test(header.kid) ? await stored(header.kid) : null;
    if (!key) {
        return null;
    }
    const signature = crypto.createHmac('sha256', key).update(parts[0] + '.' + parts[1]).digest('base64url');
    // Text is compared with text: base64url has several spellings of the same bytes, and only ours is good.
    return sameText(signature, parts[2]) ? decoded(parts[1]) : null;
}

async function stored(key) {
    try {
        return await store.get(key);
    } catch (error) {
        return null; // The store throws where a key is absent.
    }
}

// Returns what a part of a token holds, null if it is no JSON. It may be anything, so nothing is taken for granted.
function decoded(part) {
    try {
        return JSON.parse(Buffer.from(part, 'base64url').toString());
    } catch (error) {
        return null;
    }
}

// Compares in a time that does not depend on where the texts differ.
function sameText(expected, given) {
    let difference = expected.length ^ given.length;
    for (let i = 0; i < expected.length; i++) {
        difference |= expected.charCodeAt(i) ^ given.charCodeAt(i);
    }
    return difference === 0;
}

function opens(opened, path) {
    return typeof opened === 'string' && OPENED_PATH.test(opened) && path.startsWith(opened);
}

function refusal(detail, type) {
    const kind = type || 'forbidden';
    const title = kind.charAt(0).toUpperCase() + kind.slice(1);
    return {
        statusCode: 403,
        statusDescription: 'Forbidden',
        headers: {
            'content-type': { value: 'application/problem+json' },
            'cache-control': { value: 'no-store' },
        },
        body: JSON.stringify({ type: `urn:marquee:problem:${kind}`, title: title, status: 403, detail: detail }),
    };
}
