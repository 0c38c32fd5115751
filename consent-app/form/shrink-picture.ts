/** Longest side of a kept picture in pixels. */
const side = 512

/**
 * A file as a small JPEG data URL of at most `longest` characters, drawn anew so that place and camera notes in the
 * file stay behind. Undefined when it is no picture or cannot be made small enough.
 */
export async function shrinkPicture(file: File, longest: number): Promise<string | undefined> {
  try {
    const image = await createImageBitmap(file)
    const scale = Math.min(1, side / Math.max(image.width, image.height))
    const canvas = document.createElement('canvas')
    canvas.width = Math.max(1, Math.round(image.width * scale))
    canvas.height = Math.max(1, Math.round(image.height * scale))
    const paper = canvas.getContext('2d')
    if (paper === null) return undefined
    // JPEG has no transparency: what is clear becomes white, not black.
    paper.fillStyle = 'white'
    paper.fillRect(0, 0, canvas.width, canvas.height)
    paper.drawImage(image, 0, 0, canvas.width, canvas.height)
    image.close()
    return [0.85, 0.7, 0.5]
      .map((quality) => canvas.toDataURL('image/jpeg', quality))
      .find((picture) => picture.startsWith('data:image/jpeg') && picture.length <= longest)
  } catch {
    return undefined
  }
}
