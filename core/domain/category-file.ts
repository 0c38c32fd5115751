/**
 * The form of the files that the catalogue is made of: a JSON Schema of the category's values, with what only we know
 * under the keyword `reach`. `schemas/category-file.json` holds every file to it.
 */

/** The languages of the interface; the first one has every text. */
export const languages = ['en', 'de', 'ar'] as const
export type Language = (typeof languages)[number]

/** One text in the languages it is there in. */
export type Words = Readonly<Partial<Record<Language, string>> & { en: string }>

/** How a value stands in RDF. Names have a prefix of `namespaces.ts`. */
export interface RdfNote {
  readonly predicate: string
  /** A text or number, an address, one of a namespace's terms, a thing with parts of its own, or a picture's bytes. */
  readonly as: 'literal' | 'iri' | 'term' | 'node' | 'image'
  /** Literals: without it that of the value's JSON type. */
  readonly datatype?: string
  /** Lists of words: the property that keeps the order of several. */
  readonly ordered?: string
  /** Terms: what goes before the name. */
  readonly namespace?: string
  /** IRIs: the scheme that the value is without, and the property that takes the value as plain text instead. */
  readonly prefix?: string
  readonly plain?: string
  /** Nodes: their class. In a list only nodes of this class are meant. */
  readonly type?: string
}

/** A value or a part of one: its JSON Schema with our note. */
export interface MemberFile {
  readonly type: string
  readonly properties?: Readonly<Record<string, MemberFile>>
  readonly items?: { readonly properties?: Readonly<Record<string, MemberFile>> }
  readonly reach: {
    readonly title: Words
    readonly description?: Words
    /** What the codes of an `enum` stand for. */
    readonly choices?: Readonly<Record<string, Words>>
    readonly rdf: RdfNote
  }
}

interface FieldFile extends MemberFile {
  readonly reach: MemberFile['reach'] & {
    readonly description: Words
    /** W3C DPV personal-data type. */
    readonly dpv: string
    readonly sensitivity: 'ordinary' | 'sensitive' | 'special'
  }
}

interface DerivedNote {
  readonly title: Words
  readonly description: Words
  /** In words, as shown to people. */
  readonly rule: Words
  readonly type: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly from: readonly string[]
  readonly dpv: string
  readonly sensitivity: 'ordinary' | 'sensitive' | 'special'
  /** One of the rules of `derivations.ts`, and what it is told. */
  readonly compute: { readonly rule: string } & Readonly<Record<string, unknown>>
  /** False where the answer says as much as its source. */
  readonly hides?: boolean
}

export interface CategoryFile {
  readonly $id: string
  /** Names the type that is made of it. */
  readonly title: string
  readonly properties: Readonly<Record<string, FieldFile>>
  readonly reach: {
    readonly category: string
    readonly group: string
    readonly order: number
    readonly file: string
    readonly rdfType?: string
    readonly title: Words
    readonly description: Words
    readonly derived?: Readonly<Record<string, DerivedNote>>
  }
}
