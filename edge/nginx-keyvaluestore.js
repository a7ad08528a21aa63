// The module that nginx njs finds under the name `cloudfront`: what CloudFront's own offers to a function.
// Two lines stand before this text: `const entries = {…};`, the deployed key value store's content, and
// `const live = {…};`, where that store answers for what came into it since, or null.

const store = {
    // Like CloudFront's, it throws where a key is absent.
    get: async function (key) {
        const value = Object.prototype.hasOwnProperty.call(entries, key) ? entries[key] : await later(key);
        if (!value) {
            throw new Error('KeyNotFound');
        }
        return value;
    },
};

// Asks the store for what is not among the first entries; an answer is good for as long as nginx keeps it, absence too.
async function later(key) {
    if (!live) {
        return '';
    }
    const known = ngx.shared.kvs.get(key);
    if (known !== undefined) {
        return known;
    }
    const answer = await ngx.fetch(live.url + key, { headers: { Authorization: live.authorization } });
    const value = answer.status === 200 ? (await answer.json()).Value : '';
    ngx.shared.kvs.set(key, value);
    return value;
}

export default { kvs: () => store };
