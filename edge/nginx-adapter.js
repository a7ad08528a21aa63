
// What follows is appended to a CloudFront Function's source, so that nginx njs can run it unchanged:
// nginx's request becomes CloudFront's event, and the function's result becomes an answer or a redirection.
// The names start with `nginx` so that they cannot meet a name of the function.

async function nginxServe(r) {
    const result = await handler(nginxEvent(r));
    if (result.statusCode) {
        const headers = result.headers || {};
        Object.keys(headers).forEach((name) => { r.headersOut[name] = headers[name].value; });
        r.return(result.statusCode, result.body || '');
        return;
    }
    // The behaviour's origin was chosen by the original path and stays, whatever the function made of it.
    r.internalRedirect(r.variables.edge_origin + result.uri + nginxQuery(result.querystring));
}

function nginxEvent(r) {
    const headers = {};
    Object.keys(r.headersIn).forEach((name) => { headers[name.toLowerCase()] = { value: r.headersIn[name] }; });
    delete headers.cookie; // CloudFront gives cookies apart; no function of ours reads them.
    return {
        version: '1.0',
        context: { eventType: 'viewer-request', requestId: r.variables.request_id },
        viewer: { ip: r.remoteAddress },
        request: {
            method: r.method,
            // The raw path, as CloudFront gives it: nginx's own $uri is decoded and has its ".." resolved.
            uri: r.variables.request_uri.split('?')[0],
            querystring: nginxQuerystring(r.variables.args || ''),
            headers: headers,
            cookies: {},
        },
    };
}

function nginxQuerystring(args) {
    const values = {};
    args.split('&').filter((pair) => pair !== '').forEach((pair) => {
        const at = pair.indexOf('=');
        const name = at < 0 ? pair : pair.substring(0, at);
        values[name] = { value: at < 0 ? '' : pair.substring(at + 1) };
    });
    return values;
}

function nginxQuery(values) {
    const pairs = Object.keys(values).map((name) => `${name}=${values[name].value}`);
    return pairs.length ? '?' + pairs.join('&') : '';
}

export default { nginxServe };
