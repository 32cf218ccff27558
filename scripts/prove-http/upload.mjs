// Uploads a file with tus-js-client, which is stopped in the middle and goes on, and prints where it is.
//
// usage: node upload.mjs ENDPOINT FILE
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { Upload } = createRequire(`${process.env.TUS_MODULES}/`)('tus-js-client')
const [endpoint, file] = process.argv.slice(2)
const bytes = readFileSync(file)

function upload(options, stopAt) {
  return new Promise((resolve, reject) => {
    const upload = new Upload(bytes, {
      endpoint,
      chunkSize: 400_000,
      retryDelays: [0, 100, 1000],
      metadata: { filename: 'a photo.png', filetype: 'image/png' },
      ...options,
      onError: reject,
      onSuccess: () => resolve(upload.url),
      onChunkComplete: (_, sent) => {
        if (sent >= stopAt && sent < bytes.length) {
          upload.abort().then(() => resolve(upload.url), reject)
        }
      },
    })
    upload.start()
  })
}

const uploadUrl = await upload({}, 1_000_000)
const same = await upload({ uploadUrl }, Infinity)
if (same !== uploadUrl) {
  throw new Error('the upload began anew')
}
console.log(uploadUrl)
