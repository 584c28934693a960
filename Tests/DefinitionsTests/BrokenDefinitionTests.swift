// What is said about each broken definition, word for word.
// The table is in GoldenCase+….swift. A row whose words change shows what a person will read instead;
// a row that says nothing would be a definition error that passes unseen.

internal import Definitions
internal import Testing

@Suite struct BrokenDefinitionTests {
  @Test func theGoodProjectHasNothingToReport() throws {
    #expect(try ProjectFixture(GoldenCase.good).rendered() == "")
  }

  @Test(arguments: GoldenCase.all)
  func everyErrorIsReportedWithItsPlaceAndItsFix(_ row: GoldenCase) throws {
    #expect(try row.fixture.rendered() == row.says)
  }

  @Test func anErrorLeavesNoProject() throws {
    for row in GoldenCase.all where row.says.contains("error:") {
      #expect(try row.fixture.check().project == nil, "\(row.name)")
    }
  }
}
