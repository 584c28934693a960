// Texts and names as Excel takes them, whatever they say.

import Testing

@testable import Workbook

@Suite struct SheetTextTests {
  @Test(arguments: [
    ("plain", "plain"), ("bell\u{7}", "bell_x0007_"), ("cr\r", "cr_x000D_"), ("tab\tand\nline", "tab\tand\nline"),
    ("_x0041_", "_x005F_x0041_"), ("__x0041_", "__x005F_x0041_"), ("_x41_", "_x41_"), ("_x00g1_", "_x00g1_"),
    ("a\u{FFFE}b\u{FFFF}", "a_xFFFE_b_xFFFF_"), ("nul\0!", "nul\u{FFFD}!"), ("\u{FEFF}=1+1", "\u{FEFF}=1+1"),
    ("👩‍👩‍👧", "👩‍👩‍👧"), ("", ""),
  ])
  func charactersThatXMLCannotCarryAreEscaped(text: String, encoded: String) {
    #expect(SheetText(text).encoded == encoded && !SheetText(text).isCut)
  }

  @Test func textLongerThanACellIsCutAndSaid() {
    let longest = String(repeating: "x", count: 32_767)
    #expect(SheetText(longest).encoded == longest)
    let cut = SheetText(longest + "x")
    #expect(cut.isCut && cut.encoded.utf16.count == 32_767 && cut.encoded.hasSuffix("x…"))
    // Two code units each: half as many fit, and none is split.
    let faces = SheetText(String(repeating: "😀", count: 20_000))
    #expect(faces.isCut && faces.encoded.utf16.count == 32_767 && faces.encoded.hasSuffix("😀…"))
    let controls = SheetText(String(repeating: "\u{1}", count: 20_000))
    #expect(controls.isCut && controls.encoded.utf16.count <= 32_767 && controls.encoded.hasSuffix("_x0001_…"))
  }

  @Test(arguments: [
    ("Customers", "Customers"), ("A/B: [net]?*\\", "A-B- -net----"), ("'quoted'", "quoted"),
    ("", "Sheet"), ("  '", "Sheet"), ("2026", "(2026)"), ("Q1", "(Q1)"), ("R1C1", "(R1C1)"), ("C", "(C)"),
    ("history", "(history)"), ("Q1 report", "Q1 report"), ("_x0041_", "-x0041-"), ("bell\u{7}", "bell"),
    ("Net\nrevenue", "Net revenue"), (String(repeating: "ä", count: 40), String(repeating: "ä", count: 31)),
    (String(repeating: "😀", count: 20), String(repeating: "😀", count: 15)),
  ])
  func sheetNameFollowsTheRules(title: String, name: String) {
    var names = SheetNames()
    #expect(names.name(for: title) == name)
  }

  @Test func sheetNamesAreGivenOnceWhateverTheirCase() {
    var names = SheetNames()
    let long = String(repeating: "n", count: 40)
    let given = ["Net", "NET", "net (2)", long, long, "Ä", "ä"].map { names.name(for: $0) }
    #expect(
      given == [
        "Net", "NET (2)", "net (2) (2)", String(long.prefix(31)), "\(long.prefix(27)) (2)", "Ä", "ä (2)",
      ])
    #expect(given.allSatisfy { $0.utf16.count <= 31 })
  }

  @Test(arguments: [
    ("customers", "customers"), ("net revenue!", "net_revenue_"), ("1st", "_1st"), ("q1", "_q1"), ("R1C1", "_R1C1"),
    ("", "_"), ("ä", "__"), ("xfd12345", "_xfd12345"), ("abcd1", "abcd1"), ("c", "_c"),
  ])
  func rangeNameIsNoCell(hint: String, name: String) {
    var names = RangeNames()
    #expect(names.name(for: hint) == name)
    #expect(names.name(for: hint.uppercased()) != name)
  }

  @Test func edgeOfAPageEscapesItsCommands() {
    let line = PageLine(left: "R&D &B", right: "as of 20 Nov", hasPageNumber: true)
    #expect(line.code == "&LR&&D &&B&CPage &P of &N&Ras of 20 Nov")
    let long = PageLine(left: String(repeating: "&", count: 300), right: String(repeating: "x", count: 300))
    #expect(long.code.utf16.count <= 255 && long.code.hasPrefix("&L&&&&") && !long.code.contains("…&&&R"))
  }

  @Test func formatsAreExcelsOwnCodes() {
    #expect(NumberFormat.money(decimals: 2).code(date: "") == "#,##0.00_);[Red](#,##0.00)")
    #expect(NumberFormat.money(decimals: 0).code(date: "") == "#,##0_);[Red](#,##0)")
    #expect(NumberFormat.money(decimals: 3).code(date: "") == "#,##0.000_);[Red](#,##0.000)")
    #expect(NumberFormat.percent(1).code(date: "") == "#,##0.0%_);[Red](#,##0.0%)")
    #expect(NumberFormat.decimal(40).code(date: "").utf8.count < 128)
  }

  @Test func cellsAreNamed() {
    #expect(CellPlace(0, 0).name == "A1" && CellPlace(9, 25).name == "Z10" && CellPlace(0, 26).name == "AA1")
    #expect(CellPlace(1_048_575, 16_383).name == "XFD1048576")
  }
}
