// The module that nginx njs finds under the name `cloudfront`: what CloudFront's own offers to a function.
// A line `const entries = {…};` with the deployed key value store's content stands before this text.

const store = {
    // Like CloudFront's, it throws where a key is absent.
    get: async function (key) {
        if (!Object.prototype.hasOwnProperty.call(entries, key)) {
            throw new Error('KeyNotFound');
        }
        return entries[key];
    },
};

export default { kvs: () => store };
